"""DICOM series: the slices of a volume, each in a file of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from mambaseg.data.deferred import DeferredArray
from mambaseg.data.dicom_header import described, number, numbers, window
from mambaseg.data.dicom_pixels import DicomFrames, presented_type
from mambaseg.data.dicom_volume import read_stack
from mambaseg.data.slice_stack import PlacedSlice, SliceStack, stack
from mambaseg.data.still_images import channel_names
from mambaseg.types.errors import UnreadableImageError
from mambaseg.types.image import MedicalImage

__all__ = ["DicomSeries", "find_series", "open_series", "stack_series"]

_TIMES = ("TriggerTime", "TemporalPositionIdentifier", "AcquisitionTime")
_TAGS = [
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
    "BitsStored",
    "BitsAllocated",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "WindowCenter",
    "WindowWidth",
    "BurnedInAnnotation",
]


@dataclass(frozen=True)
class DicomSeries:
    """Files that belong together.

    Parameters
    ----------
    name : str
        The series' description, or its number where it has none; told apart
        from others of its folder by a number in brackets.
    uid : str
        Its SeriesInstanceUID.
    headers : dict of Path to Dataset
        A few elements of each file.
    """

    name: str
    uid: str
    headers: dict[Path, Dataset]

    @property
    def first(self) -> Dataset:
        """The header of one file."""
        return next(iter(self.headers.values()))


def find_series(files: Iterable[Path]) -> list[DicomSeries]:
    """Sort the slices among files into series, reading a few elements of each header.

    Slices of one series that differ in size or orientation (a localizer) become
    series of their own. Files with several frames, and those that do not say
    where they lie, are no slices.

    Raises
    ------
    UnreadableImageError
        If a DICOM file among them is damaged.
    """
    groups: dict[tuple[Any, ...], dict[Path, Dataset]] = {}
    for path in files:
        header = _header(path)
        if header is not None and _is_slice(header):
            groups.setdefault(_group(header), {})[path] = header
    names: dict[str, int] = {}
    found = []
    for headers in groups.values():
        first = next(iter(headers.values()))
        name = described(first).get("SeriesDescription", "")
        name = name or f"series {first.get('SeriesNumber') or 1}"
        names[name] = names.get(name, 0) + 1
        name = f"{name} ({names[name]})" if names[name] > 1 else name
        found.append(DicomSeries(name, str(first.get("SeriesInstanceUID", "")), headers))
    return found


def _header(path: Path) -> Dataset | None:
    """Read the elements that count; None if the file is no DICOM."""
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
        file.seek(0)
        try:
            return dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS))
        except Exception:  # whatever a damaged header leads to; it may hold the patient's name
            raise UnreadableImageError(
                f"{path} cannot be read as DICOM: it is damaged or cut short. Copy or export the "
                "series again."
            ) from None


def _is_slice(header: Dataset) -> bool:
    return (
        len(numbers(header, "ImagePositionPatient")) == 3
        and len(numbers(header, "ImageOrientationPatient")) == 6
        and (number(header, "NumberOfFrames") or 1) == 1
        and bool(header.get("Rows"))
        and bool(header.get("Columns"))
    )


def _group(header: Dataset) -> tuple[Any, ...]:
    orientation = tuple(np.round(numbers(header, "ImageOrientationPatient"), 3))
    spacing = tuple(np.round(numbers(header, "PixelSpacing"), 4))
    size = (header.Rows, header.Columns, header.get("SamplesPerPixel", 1))
    return header.get("SeriesInstanceUID"), *size, orientation, spacing


def open_series(series: DicomSeries, source: str, *, resample: bool = False) -> MedicalImage:
    """Put a series together as a volume, of which only headers are read for now.

    Parameters
    ----------
    series : DicomSeries
        With slices that lie in the patient.
    source : str
        Where it came from, as the user wrote it.
    resample : bool
        Take slices that lie unevenly, and resample them.

    Returns
    -------
    MedicalImage
        Axes "CZYX", or "CTZYX" for volumes at several times; its array reads
        the pixels when it is indexed.

    Raises
    ------
    UnsupportedImageError
        If slices are missing, lie unevenly or do not fit together.
    """
    what = f"{source} (series {series.name!r})"
    ordered = stack_series(series, source, resample=resample)
    first = series.first
    channels = 3 if first.get("SamplesPerPixel", 1) == 3 else 1
    times = () if ordered.geometry.frame_times_s is None else (len(ordered.keys),)
    shape = (channels, *times, ordered.depth, int(first.Rows), int(first.Columns))
    dtype = np.result_type(*{presented_type(header) for header in series.headers.values()})

    def read(path: Path) -> NDArray[Any]:
        return DicomFrames(path).frame(0)

    keys = ordered.keys[0]
    return MedicalImage(
        DeferredArray(
            shape,
            dtype,
            lambda: read_stack(ordered, shape, dtype, read, what),
            lambda z: np.moveaxis(read(keys[z * len(keys) // ordered.depth]), -1, 0),
        ),
        "CTZYX" if times else "CZYX",
        ordered.geometry,
        channel_names(channels),
        source,
        ordered.notes,
        window=window(first),
        header=described(first),
    )


def stack_series(series: DicomSeries, source: str, *, resample: bool = False) -> SliceStack:
    """Put the files of a series in the order in which they lie; otherwise as `open_series`."""
    slices = [_placed(path, header) for path, header in series.headers.items()]
    return stack(slices, f"{source} (series {series.name!r})", resample=resample)


def _placed(path: Path, header: Dataset) -> PlacedSlice:
    position, spacing = numbers(header, "ImagePositionPatient"), numbers(header, "PixelSpacing")
    times = (_time(header, keyword) for keyword in _TIMES)
    return PlacedSlice(
        path,
        int(number(header, "InstanceNumber") or 0),
        (position[0], position[1], position[2]),
        tuple(numbers(header, "ImageOrientationPatient")),
        (spacing[0], spacing[1]) if len(spacing) == 2 and min(spacing) > 0 else None,
        number(header, "SpacingBetweenSlices") or number(header, "SliceThickness"),
        next((time for time in times if time is not None), None),
    )


def _time(header: Dataset, keyword: str) -> float | None:
    value = number(header, keyword)
    if value is None:
        return None
    if keyword == "TriggerTime":
        return value / 1000
    if keyword == "AcquisitionTime":  # hours, minutes and seconds as one number
        return value // 10000 * 3600 + value // 100 % 100 * 60 + value % 100
    return value
