"""Segmentations in and out, the format chosen by suffix."""

from __future__ import annotations

import os
from pathlib import Path

from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.segmentation import Segmentation

__all__ = ["read_segmentation", "write_segmentation"]

_FORMATS = ".nrrd, .nii, .nii.gz, or a folder (no suffix) of indexed PNG files"


def write_segmentation(
    segmentation: Segmentation, path: str | os.PathLike[str], *, folder: bool = False
) -> None:
    """Write labels to a file or folder, whole or not at all.

    ========== ================= ============== ============= ==================
    path       axes              memory         geometry      names, provenance
    ========== ================= ============== ============= ==================
    .nrrd      all               one frame      exact         kept
    .nii[.gz]  all; film x,y,1,t all labels     float32, one  lost
                                                frame rate
    no suffix  all but TZYX      one frame      exact         kept, in a JSON
    ========== ================= ============== ============= ==================

    SimpleITK reads the NRRD and NIfTI files of a film with size (x, y, t) and
    (x, y, 1, t), the last spacing being the mean time between frames in seconds.
    Labels are stored as uint8, and read back so, whatever integers they were.

    Parameters
    ----------
    segmentation : Segmentation
        Labels from 0 to 255; may be lazy.
    path : path-like
        Where to write.
    folder : bool
        Write a folder of PNG files, whatever dots its name has.

    Raises
    ------
    OutputError
        If it cannot be written there.
    UnsupportedImageError
        If the suffix is of no format that is written, or the labels do not fit.
    """
    path = Path(path)
    kind = "" if folder else _kind(path)
    if kind == "nrrd":
        from mambaseg.data.nrrd import write_nrrd

        write_nrrd(segmentation, path)
    elif kind == "nifti":
        from mambaseg.data.nifti import write_nifti

        write_nifti(segmentation, path)
    elif folder or path.suffix == "":
        from mambaseg.data.png_folder import write_png_folder

        write_png_folder(segmentation, path)
    else:
        raise UnsupportedImageError(f"Labels cannot be written as {path}; choose {_FORMATS}.")


def read_segmentation(path: str | os.PathLike[str]) -> Segmentation:
    """Read labels that mambaseg wrote, or NRRD and NIfTI masks of other programs.

    Parameters
    ----------
    path : path-like
        A file with a suffix as in `write_segmentation`, or a folder.

    Returns
    -------
    Segmentation
        Labels as uint8 in memory. Where a file names no classes they are called
        "class 1" and so on, for the values that occur.

    Raises
    ------
    UnreadableImageError
        If the path is missing, damaged, or not what it seems.
    UnsupportedImageError
        If it is of no format that is read, holds no labels, or was written by a
        newer mambaseg.
    """
    path = Path(path)
    if not path.exists():
        raise UnreadableImageError(f"{path} does not exist; check the path.")
    if path.is_dir():
        from mambaseg.data.png_folder import read_png_folder

        return read_png_folder(path)
    kind = _kind(path)
    if kind == "nrrd":
        from mambaseg.data.nrrd import read_nrrd

        return read_nrrd(path)
    if kind == "nifti":
        from mambaseg.data.nifti import read_nifti

        return read_nifti(path)
    raise UnsupportedImageError(f"{path} is of no kind that labels are read from: {_FORMATS}.")


def _kind(path: Path) -> str:
    name = path.name.lower()
    if name.endswith(".nrrd"):
        return "nrrd"
    return "nifti" if name.endswith((".nii", ".nii.gz")) else ""
