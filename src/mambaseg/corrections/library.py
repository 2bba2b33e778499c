"""The stores of one user: one data set per set of classes and channels."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mambaseg.corrections.settings import corrections_folder
from mambaseg.corrections.store import Store
from mambaseg.types.errors import MambasegError
from mambaseg.types.labels import LabelSet

__all__ = ["find_store"]

_FIRST_NUMBER = 501  # nnU-Net leaves the lower ones to published data sets
_NAME = re.compile(r"Dataset(\d{3})_(.*)")


def find_store(
    label_set: LabelSet,
    channel_names: tuple[str, ...],
    folder: str | os.PathLike[str] | None = None,
) -> Store:
    """Give the store of these classes and channels, or a new one that is still empty.

    Parameters
    ----------
    label_set : LabelSet
        Its values and names count, its colours do not.
    channel_names : tuple of str
        Of the images.
    folder : path-like, optional
        Folder of stores; None: `corrections_folder()`.
    """
    root = corrections_folder() if folder is None else Path(folder)
    words = re.sub("[^A-Za-z0-9]+", "-", "-".join(label_set.names.values())).strip("-")
    words = words[:40] or "masks"
    taken, begun = _FIRST_NUMBER - 1, None
    for path in sorted(root.glob("Dataset*_*")):
        if not (match := _NAME.fullmatch(path.name)):
            continue
        taken = max(taken, int(match[1]))
        try:
            store = Store(path)
            found = store.label_set
        except MambasegError:  # a damaged one must not keep the others from use
            continue
        if found and found.names == label_set.names and store.channel_names == channel_names:
            return store
        if found is None and match[2] == words:  # its first write has failed
            begun = store
    return begun or Store(root / f"Dataset{taken + 1:03d}_{words}")
