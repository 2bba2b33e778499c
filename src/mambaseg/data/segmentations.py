"""Segmentations in and out, the format chosen by suffix."""

from __future__ import annotations

import os
from pathlib import Path

from mambaseg.data.file_kinds import is_dicom
from mambaseg.data.memory import enough_memory
from mambaseg.data.readers import split_part
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.segmentation import Segmentation

__all__ = ["read_segmentation", "write_segmentation"]

_FORMATS = (
    ".nrrd, .nii, .nii.gz, .mha, .tif, .dcm (DICOM SEG), or a folder (no suffix) of indexed PNG "
    "files"
)


def write_segmentation(
    segmentation: Segmentation,
    path: str | os.PathLike[str],
    *,
    folder: bool = False,
    series: str | os.PathLike[str] | None = None,
    patient: bool = False,
) -> tuple[str, ...]:
    """Write labels to a file or folder, whole or not at all.

    ========== ================= ============== ============= ==================
    path       axes              memory         geometry      names, provenance
    ========== ================= ============== ============= ==================
    .nrrd      all               one frame      exact         kept
    .mha       all               all labels     exact         kept
    .tif[f]    all               one frame      exact         kept
    .nii[.gz]  all; film x,y,1,t all labels     float32, one  lost
                                                frame rate
    .dcm       ZYX of a series   all labels     the series'   names and colours
    no suffix  all but TZYX      one frame      exact         kept, in a JSON
    ========== ================= ============== ============= ==================

    SimpleITK reads the NRRD and MHA files of a film with size (x, y, t), the
    NIfTI file with (x, y, 1, t), the last spacing being the mean time between
    frames in seconds. Labels are stored as uint8, and read back so, whatever
    integers they were.

    Parameters
    ----------
    segmentation : Segmentation
        Labels from 0 to 255; may be lazy.
    path : path-like
        Where to write.
    folder : bool
        Write a folder of PNG files, whatever dots its name has.
    series : path-like or None
        For a DICOM SEG the series of the image, as `read_image` takes it.
    patient : bool
        Name the patient in a DICOM SEG as the series does, so that archives file it.

    Returns
    -------
    tuple of str
        What the format could not keep, one sentence each.

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

        return write_nifti(segmentation, path)
    elif kind == "mha":
        from mambaseg.data.mha import write_mha

        return write_mha(segmentation, path)
    elif kind == "tiff":
        from mambaseg.data.tiff_labels import write_tiff_labels

        write_tiff_labels(segmentation, path)
    elif kind == "dicom":
        from mambaseg.data.dicom_seg import write_dicom_seg

        place = None if series is None else Path(series)
        return write_dicom_seg(segmentation, path, place, patient=patient)
    elif folder or path.suffix == "":
        from mambaseg.data.png_folder import write_png_folder

        write_png_folder(segmentation, path)
    else:
        raise UnsupportedImageError(f"Labels cannot be written as {path}; choose {_FORMATS}.")
    return ()


def read_segmentation(path: str | os.PathLike[str]) -> Segmentation:
    """Read labels that mambaseg wrote, or masks of other programs.

    Parameters
    ----------
    path : path-like
        A file with a suffix as in `write_segmentation`, a DICOM SEG, a PNG or
        BMP whose numbers are labels, a data set of an HDF5 file ("file.h5::name"),
        or a folder.

    Returns
    -------
    Segmentation
        Labels as uint8 in memory. Where a file names no classes they are called
        "class 1" and so on, for the values that occur; 0 and 255 alone are then a
        mask of class 1.

    Raises
    ------
    UnreadableImageError
        If the path is missing, damaged, or not what it seems.
    UnsupportedImageError
        If it is of no format that is read, holds no labels, or was written by a
        newer mambaseg.
    OutOfMemoryError
        If it does not fit in memory.
    """
    with enough_memory(str(path)):
        return _read(path)


def _read(path: str | os.PathLike[str]) -> Segmentation:
    place, _ = split_part(path)
    if not place.exists():
        raise UnreadableImageError(f"{path} does not exist; check the path.")
    if place.is_dir():
        from mambaseg.data.png_folder import read_png_folder

        return read_png_folder(place)
    kind = "dicom" if is_dicom(place) else _kind(place)
    if kind in ("nrrd", "mha"):
        from mambaseg.data.nrrd import read_nrrd

        return read_nrrd(place)
    if kind == "nifti":
        from mambaseg.data.nifti import read_nifti

        return read_nifti(place)
    if kind == "tiff":
        from mambaseg.data.tiff_labels import read_tiff_labels

        return read_tiff_labels(place)
    if kind == "dicom":
        from mambaseg.data.dicom_seg import read_dicom_seg

        return read_dicom_seg(place)
    if kind == "numbers":
        from mambaseg.data.label_numbers import as_labels, read_numbers

        return as_labels(read_numbers(path))
    raise UnsupportedImageError(f"{path} is of no kind that labels are read from: {_FORMATS}.")


def _kind(path: Path) -> str:
    name = path.name.lower()
    suffixes = {
        "nrrd": (".nrrd", ".nhdr"),
        "nifti": (".nii", ".nii.gz"),
        "mha": (".mha", ".mhd"),
        "tiff": (".tif", ".tiff"),
        "dicom": (".dcm", ".dicom"),
        "numbers": (".png", ".bmp", ".h5", ".hdf5"),
    }
    return next((kind for kind, ends in suffixes.items() if name.endswith(ends)), "")
