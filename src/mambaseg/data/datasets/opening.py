"""One door for all kinds of data sets."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mambaseg.data.datasets.acdc import find_acdc
from mambaseg.data.datasets.brats import find_brats
from mambaseg.data.datasets.case import DataSet
from mambaseg.data.datasets.clips import find_clips
from mambaseg.data.datasets.decathlon import find_decathlon
from mambaseg.data.datasets.nnunet import find_nnunet
from mambaseg.data.datasets.paired import find_paired
from mambaseg.types.errors import DataSetError

__all__ = ["LAYOUTS", "checked", "open_dataset"]

LAYOUTS: dict[str, Callable[[Path], DataSet | str]] = {
    "nnU-Net": find_nnunet,
    "Decathlon": find_decathlon,
    "BraTS": find_brats,
    "ACDC": find_acdc,
    "clip folders": find_clips,
    "paired folders": find_paired,
}
"""Recognisers, in the order in which they are asked."""


def open_dataset(path: str | os.PathLike[str]) -> DataSet:
    """List the cases of a data set, by its names alone; nothing is read but descriptions.

    Parameters
    ----------
    path : path-like
        A folder, or its dataset.json.

    Returns
    -------
    DataSet
        What is incomplete is left out and named in `incomplete`.

    Raises
    ------
    DataSetError
        If it is of no known layout (each is named, with the reason), or holds no whole case.
    """
    folder = Path(path)
    folder = folder.parent if folder.name == "dataset.json" else folder
    if not folder.exists():
        raise DataSetError(f"There is no folder {folder}; check the path.")
    reasons = []
    for name, find in LAYOUTS.items():
        try:
            found = find(folder)
        except OSError as error:
            raise DataSetError(
                f"{error.filename or folder} cannot be read: {error.strerror}. Choose a folder "
                "that you may read."
            ) from error
        if isinstance(found, DataSet):
            return checked(found)
        reasons.append(f"not {name}, because {found}")
    raise DataSetError(
        f"{folder} is no data set of a known layout: {'; '.join(reasons)}. Arrange it as one of "
        "these, for example as images/ and masks/ with equal names."
    )


def checked(dataset: DataSet) -> DataSet:
    """Give a data set back that has cases, each of a name of its own; raises DataSetError."""
    if not dataset.cases:
        why = f" ({dataset.incomplete[0]})" if dataset.incomplete else ""
        raise DataSetError(
            f"{dataset.path} was taken for {dataset.layout}, but holds no image with a mask{why}: "
            "choose another folder."
        )
    twice = [name for name, n in Counter(case.name for case in dataset.cases).items() if n > 1]
    if twice:
        raise DataSetError(
            f"{dataset.path} holds two cases called {twice[0]!r}: rename one, so that they can be "
            "told apart."
        )
    return dataset
