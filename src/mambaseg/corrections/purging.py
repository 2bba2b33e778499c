"""An image that goes from the stores of a user, with all that was kept of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mambaseg.corrections.channels import content_sha256
from mambaseg.corrections.dataset_file import DatasetFile, case_digest
from mambaseg.corrections.provenance import Line, append_line, forget_name
from mambaseg.corrections.settings import corrections_folder
from mambaseg.corrections.store_lock import writing
from mambaseg.types.errors import MambasegError, OutputError
from mambaseg.types.image import MedicalImage

__all__ = ["purge_store", "purge_stores"]


def purge_stores(image: MedicalImage) -> tuple[int, list[str]]:
    """Remove an image from all stores of the user; the whole image is read if there are any.

    Returns
    -------
    n_stores : int
        How many had something of it.
    problems : list of str
        Why something may still be there.
    """
    n_stores, problems = 0, []
    folders = sorted(corrections_folder().glob("Dataset*_*"))
    digest = case_digest(content_sha256(image)) if folders else ""
    for folder in folders:
        try:
            n_stores += purge_store(folder, digest)
        except MambasegError as error:
            problems.append(str(error))
    return n_stores, problems


def purge_store(folder: Path, digest: str) -> bool:
    """Remove an image from a store: its case, and pictures that a write left that was cut off.

    In `provenance.jsonl` only its digest stays of its name.

    Parameters
    ----------
    folder : Path
        Of the store.
    digest : str
        `case_digest` of the image.

    Returns
    -------
    bool
        Whether there was anything.

    Raises
    ------
    StoreError
        If the store is damaged.
    OutputError
        If something could not be removed; it says what.
    """
    with writing(folder):
        content = DatasetFile.read(folder)
        if content is not None:
            cases = tuple(case for case in content.cases if case_digest(case) != digest)
            if cases != content.cases:
                replace(content, cases=cases).write(folder)
        files = [*folder.glob(f"imagesTr/*_{digest}_*.nrrd")]
        files += folder.glob(f"labelsTr/*_{digest}.nrrd")
        known = forget_name(folder, digest)
        _unlink(files)
        if files:
            append_line(folder, Line(action="removed", case=digest))
    return known or bool(files)


def _unlink(files: Iterable[Path]) -> None:
    left = {}
    for file in files:
        try:
            file.unlink()
        except OSError as error:
            left[str(file)] = error.strerror or str(error)
    if left:
        raise OutputError(
            f"Not removed: {', '.join(left)} ({next(iter(left.values()))}). They may show the "
            "patient: remove them by hand."
        )
