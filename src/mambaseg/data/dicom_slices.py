"""One file of a DICOM series: where its slice lies, and its pixels, fast where they are plain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from mambaseg.data.dicom_header import number, numbers, plane_spacing, thickness
from mambaseg.data.dicom_pixels import DicomFrames, in_units, presented_type
from mambaseg.data.slice_stack import PlacedSlice, is_parallel
from mambaseg.types.errors import UnreadableImageError

__all__ = ["SliceFile", "read_slice", "read_slice_file"]

_TIMES = ("TriggerTime", "TemporalPositionIdentifier", "AcquisitionTime")
_TAGS = [
    Tag(keyword)
    for keyword in (
        "SOPClassUID",
        "Modality",
        "SeriesDescription",
        "SeriesInstanceUID",
        "SeriesNumber",
        "InstanceNumber",
        "NumberOfFrames",
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "SliceThickness",
        "SpacingBetweenSlices",
        *_TIMES,
        "Rows",
        "Columns",
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "BitsStored",
        "BitsAllocated",
        "HighBit",
        "PixelRepresentation",
        "RescaleSlope",
        "RescaleIntercept",
        "WindowCenter",
        "WindowWidth",
        "BurnedInAnnotation",
    )
]
_SAME_SPACING = 1e-4
"""In mm: makers round it."""
_PLAIN_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_PIXEL_TAG = b"\xe0\x7f\x10\x00"


@dataclass(frozen=True, eq=False)
class SliceFile:
    """A file that holds one slice of a volume.

    Parameters
    ----------
    path : Path
        The file.
    header : Dataset
        A few of its elements.
    position, orientation, spacing : list of float
        As in the header: 3, 6 and 2 or no numbers.
    dtype : dtype
        Type of its elements in the header's units.
    plain_at : int or None
        Where its pixels begin if they are stored one after another as they are,
        so that nothing needs to be decoded.
    """

    path: Path
    header: Dataset
    position: list[float]
    orientation: list[float]
    spacing: list[float]
    dtype: np.dtype[Any]
    plain_at: int | None

    @property
    def form(self) -> tuple[Any, ...]:
        """What the slices of one volume have in common to the last digit."""
        header = self.header
        size = (header.Rows, header.Columns, header.get("SamplesPerPixel", 1))
        return header.get("SeriesInstanceUID"), *size, len(self.spacing)

    def fits(self, other: SliceFile) -> bool:
        """Tell whether a slice of the same form lies as another of one volume does."""
        pairs = zip(self.spacing, other.spacing, strict=True)
        return is_parallel(self.orientation, other.orientation) and not any(
            abs(a - b) > _SAME_SPACING for a, b in pairs
        )

    def placed(self) -> PlacedSlice:
        """Say where it lies."""
        return PlacedSlice(
            self,
            int(number(self.header, "InstanceNumber") or 0),
            (self.position[0], self.position[1], self.position[2]),
            tuple(self.orientation),
            plane_spacing(self.header),
            thickness(self.header),
            _moments(self.header),
        )


def read_slice_file(path: Path) -> SliceFile | None:
    """Read what counts of a header; None if the file is no slice of a volume.

    Raises
    ------
    UnreadableImageError
        If the file is DICOM, but damaged.
    """
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
        file.seek(0)
        try:
            header = dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
            if header.file_meta and "SOPClassUID" not in header and not file.read(1):
                raise EOFError  # the header of the file is there, that of the image is not
            for (
                _
            ) in header:  # pydicom parses an element, and finds it damaged, when it is asked for
                pass
            position = numbers(header, "ImagePositionPatient")
            orientation = numbers(header, "ImageOrientationPatient")
            frames = number(header, "NumberOfFrames") or 1
            is_slice = len(position) == 3 and len(orientation) == 6 and frames == 1
            if not (is_slice and header.get("Rows") and header.get("Columns")):
                return None
            return SliceFile(
                path,
                header,
                position,
                orientation,
                numbers(header, "PixelSpacing"),
                presented_type(header),
                _plain_at(file, header),
            )
        except Exception:  # whatever a damaged header leads to; it may hold the patient's name
            raise UnreadableImageError(
                f"{path} cannot be read as DICOM: it is damaged or cut short. Copy or export the "
                "series again."
            ) from None


def _plain_at(file: BinaryIO, header: Dataset) -> int | None:
    """Give where plain pixels begin, once the file stands before them."""
    syntax = header.file_meta.get("TransferSyntaxUID")
    plain = (
        syntax in _PLAIN_SYNTAXES
        and header.get("SamplesPerPixel") == 1
        and header.get("PhotometricInterpretation") == "MONOCHROME2"
        and header.BitsAllocated in (8, 16)
        and header.BitsStored == header.BitsAllocated
        and header.get("HighBit") == header.BitsStored - 1
    )
    head = file.read(12)
    if not plain or head[:4] != _PIXEL_TAG:
        return None
    return file.tell() - (4 if syntax == ImplicitVRLittleEndian else 0)


def read_slice(one: SliceFile) -> NDArray[Any]:
    """Read the pixels of a slice, shape (Y, X, C), in the header's units.

    Raises
    ------
    UnreadableImageError
        If the file is damaged.
    """
    if one.plain_at is None:
        return DicomFrames(one.path).frame(0)
    header = one.header
    rows, columns = int(header.Rows), int(header.Columns)
    kind = f"<{'i' if header.get('PixelRepresentation') else 'u'}{header.BitsAllocated // 8}"
    pixels = np.fromfile(one.path, kind, rows * columns, offset=one.plain_at)
    if len(pixels) < rows * columns:
        raise UnreadableImageError(
            f"{one.path} is damaged or cut short: it holds fewer pixels than its header states. "
            "Copy or export the series again."
        )
    return in_units(pixels.reshape(rows, columns), header)[..., None]


def _moments(header: Dataset) -> dict[str, float]:
    found = {keyword: number(header, keyword) for keyword in _TIMES}
    return {
        keyword: _IN_SECONDS.get(keyword, float)(value)
        for keyword, value in found.items()
        if value is not None
    }


def _of_clock(value: float) -> float:
    """Give the seconds of a day from hours, minutes and seconds as one number."""
    return value // 10000 * 3600 + value // 100 % 100 * 60 + value % 100


_IN_SECONDS: dict[str, Callable[[float], float]] = {
    "TriggerTime": lambda milliseconds: milliseconds / 1000,
    "AcquisitionTime": _of_clock,
}
