"""Enhanced multi-frame DICOM: the slices of a volume in one file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mambaseg.data.deferred import DeferredArray
from mambaseg.data.dicom_header import (
    described,
    frame_value,
    number,
    numbers,
    plane_spacing,
    thickness,
    window,
)
from mambaseg.data.dicom_pixels import DicomFrames, presented_type
from mambaseg.data.dicom_volume import read_stack
from mambaseg.data.slice_stack import PlacedSlice, SliceStack, is_parallel, stack
from mambaseg.data.still_images import channel_names
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import MedicalImage

__all__ = ["are_placed", "open_frames", "stack_frames"]


def are_placed(header: Dataset) -> bool:
    """Tell whether a header says of each frame by itself where it lies, as it does of slices."""
    groups = header.get("PerFrameFunctionalGroupsSequence")
    by_frame = bool(groups) and "PlanePositionSequence" in groups[0]
    return by_frame or len(numbers(header, "GridFrameOffsetVector")) > 1


def open_frames(frames: DicomFrames, source: str, *, resample: bool = False) -> MedicalImage:
    """Put the frames of a file together as a volume, of which only the header is read for now.

    Parameters
    ----------
    frames : DicomFrames
        The file.
    source : str
        Where it came from, as the user wrote it.
    resample : bool
        Take slices that lie unevenly, and resample them.

    Returns
    -------
    MedicalImage
        Axes "CZYX", "CTZYX" for volumes at several times, or "CTYX" for one slice
        at several times; its array reads the pixels when it is indexed.

    Raises
    ------
    UnsupportedImageError
        If slices are missing, lie unevenly or do not fit together.
    """
    header = frames.header
    ordered = stack_frames(frames, source, resample=resample)
    first = frames.frame(0)
    axes, shape = ordered.form(first.shape[2], *first.shape[:2])
    types = {presented_type(header, index) for index in range(frames.n_frames)}
    dtype = first.dtype if first.shape[2] == 3 else np.result_type(*types)
    keys = ordered.keys[0]

    def read(index: int) -> NDArray[Any]:
        return frames.frame(index)

    return MedicalImage(
        DeferredArray(
            shape,
            dtype,
            lambda: read_stack(ordered, shape, dtype, read, source),
            lambda z: np.moveaxis(read(keys[z * len(keys) // ordered.depth]), -1, 0),
        ),
        axes,
        ordered.geometry,
        channel_names(shape[0]),
        source,
        ordered.notes,
        window=window(header),
        header=described(header),
    )


def stack_frames(frames: DicomFrames, source: str, *, resample: bool = False) -> SliceStack:
    """Put the frames of a file in the order in which they lie; otherwise as `open_frames`."""
    slices = [_placed(frames.header, index) for index in range(frames.n_frames)]
    turns: list[tuple[float, ...]] = []
    for one in slices:
        if one.orientation and not any(is_parallel(one.orientation, turn) for turn in turns):
            turns.append(one.orientation)
    if len(turns) > 1:
        raise UnsupportedImageError(
            f"{source} holds slices of {len(turns)} orientations in one DICOM file; one volume "
            "was expected. Export each stack of slices as a file or series of its own."
        )
    return stack(slices, source, resample=resample)


def _placed(header: Dataset, index: int) -> PlacedSlice:
    orientation = numbers(header, "ImageOrientationPatient", index)
    position = _position(header, index, orientation)
    return PlacedSlice(
        index,
        index + 1,
        position,
        tuple(orientation) if len(orientation) == 6 else None,
        plane_spacing(header, index),
        thickness(header, index),
        _moments(header, index),
    )


def _position(
    header: Dataset, index: int, orientation: list[float]
) -> tuple[float, float, float] | None:
    first = numbers(header, "ImagePositionPatient", index)
    if len(first) != 3:
        return None
    offsets = numbers(header, "GridFrameOffsetVector")
    if index < len(offsets) and len(orientation) == 6:
        # Of a dose grid: along the slices' normal if they begin with 0, else z of the patient.
        normal = np.cross(orientation[:3], orientation[3:])
        along = normal if offsets[0] == 0 else np.array([0.0, 0.0, 1.0])
        first = (np.array(first) + along * (offsets[index] - offsets[0])).tolist()
    x, y, z = first
    return x, y, z


def _moments(header: Dataset, index: int) -> dict[str, float]:
    delay = number(header, "NominalCardiacTriggerDelayTime", index)
    found = {
        "NominalCardiacTriggerDelayTime": None if delay is None else delay / 1000,
        "FrameAcquisitionDateTime": _of_day(header, index),
        "TemporalPositionIndex": number(header, "TemporalPositionIndex", index),
    }
    return {keyword: value for keyword, value in found.items() if value is not None}


def _of_day(header: Dataset, index: int) -> float | None:
    """Give the seconds of the day at which a frame was taken."""
    moment = str(frame_value(header, "FrameAcquisitionDateTime", index) or "")[8:]
    if len(moment) < 6 or not moment[:6].isdigit():
        return None
    seconds = float(moment[4:].partition("+")[0].partition("-")[0])
    return int(moment[:2]) * 3600 + int(moment[2:4]) * 60 + seconds
