"""The headers of a volume's slices, in the order of its z axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from mambaseg.data.dicom import open_dicom
from mambaseg.data.dicom_frames import stack_frames
from mambaseg.data.dicom_pixels import DicomFrames
from mambaseg.data.dicom_series import find_series, stack_series
from mambaseg.data.file_kinds import is_dicom
from mambaseg.data.parts import Part
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.geometry import Geometry

__all__ = ["SliceSources", "slice_sources"]


@dataclass(frozen=True)
class SliceSources:
    """Where the slices of a volume come from.

    Parameters
    ----------
    headers : sequence of Dataset
        Of the slices by z; of an enhanced file, its one header.
    order : list of int
        Index along z of each slice, or of each frame of an enhanced file.
    geometry : Geometry
        Of the volume.
    shape : tuple of int
        (Z, Y, X).
    """

    headers: Sequence[Dataset]
    order: list[int]
    geometry: Geometry
    shape: tuple[int, ...]


def slice_sources(place: Path | Part) -> SliceSources:
    """Read the whole headers of a series' slices.

    Parameters
    ----------
    place : Path or Part
        One enhanced multi-frame file, or a series of a folder.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        If they are no DICOM, or make no volume.
    """
    headers: list[Dataset]
    if isinstance(place, Part) and place.kind == "series":
        (series,) = find_series(place.files)
        ordered = stack_series(series, place.source)
        headers = [dcmread(one.path, stop_before_pixels=True) for one in ordered.keys[0]]
        order = list(range(len(headers)))
    else:
        file = place.files[0] if isinstance(place, Part) else place
        if not is_dicom(file):
            raise UnsupportedImageError(
                f"{file} is no DICOM image, and a DICOM SEG refers to one. Write NRRD instead."
            )
        if open_dicom(file, str(file)).axes != "CZYX":
            raise UnsupportedImageError(
                f"{file} is a single frame or a clip; a DICOM SEG can be written for the slices "
                "of a volume, and for clips is not supported yet. Write NRRD instead."
            )
        frames = DicomFrames(file)
        ordered, headers = stack_frames(frames, str(file)), [frames.header]
        order = [ordered.keys[0].index(frame) for frame in range(len(ordered.keys[0]))]
    if len(ordered.keys) > 1:
        raise UnsupportedImageError(
            f"{place} holds volumes at several times; a DICOM SEG can be written for one. "
            "Write NRRD instead."
        )
    first = headers[0]
    if len(headers) > 1 and ordered.geometry.spacing_mm is not None:
        for header in headers:  # DICOM SEG asks for it, and many series leave it out
            header.SliceThickness = header.get("SliceThickness") or ordered.geometry.spacing_mm[0]
    shape = (len(order), int(first.Rows), int(first.Columns))
    return SliceSources(headers, order, ordered.geometry, shape)
