"""Which files are masks by what their own headers say."""

from __future__ import annotations

from pathlib import Path

from mambaseg.types.errors import MambasegError

__all__ = ["is_mask"]

_RECORD = "segmentation.json"
_MARK = b"mambaseg_axes"
"""Stands before whatever may be long, such as the times of a film's frames."""
_HEAD = 2**16


def is_mask(path: Path) -> bool:
    """Tell whether a path is a mask of ours, or a DICOM SEG, from its header alone.

    False for masks of other programs, which look like images, and for what cannot be read.
    """
    if path.is_dir():
        return (path / _RECORD).is_file()
    if not path.is_file():
        return False
    name = path.name.lower()
    # Each kind's library is loaded only when a file needs it.
    if name.endswith((".nrrd", ".mha")):
        with path.open("rb") as file:
            return _MARK in file.read(_HEAD)
    if name.endswith((".nii", ".nii.gz")):
        from mambaseg.data.nifti_files import read_description
        from mambaseg.data.nifti_note import is_mask_note

        return is_mask_note(read_description(path))
    if name.endswith((".tif", ".tiff")):
        from mambaseg.data.tiff import described_tiff

        try:
            return described_tiff(path) is not None
        except MambasegError:
            return False
    from mambaseg.data.dicom_seg import is_dicom_seg

    return is_dicom_seg(path)
