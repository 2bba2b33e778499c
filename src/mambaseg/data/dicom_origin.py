"""The header of the DICOM file that an image came from."""

from __future__ import annotations

from pydicom import dcmread
from pydicom.dataset import Dataset

from mambaseg.data.file_kinds import is_dicom
from mambaseg.data.parts import choose_part
from mambaseg.data.readers import split_part

__all__ = ["origin_header"]


def origin_header(source: str) -> Dataset | None:
    """Read the header of an image's DICOM file, of a series that of its first slice.

    Parameters
    ----------
    source : str
        As `read_image` takes it.

    Returns
    -------
    Dataset or None
        None where the image is no DICOM, or is no longer there.
    """
    try:
        place, part = split_part(source)
        file = choose_part(place, part).files[0] if place.is_dir() else place
        return dcmread(file, stop_before_pixels=True) if is_dicom(file) else None
    except Exception:  # nothing is there, or whatever a damaged header leads to
        return None
