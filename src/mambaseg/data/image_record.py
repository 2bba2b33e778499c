"""What an image file of ours says beyond its format, in a form that is checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from mambaseg.data.deferred import DeferredArray
from mambaseg.data.nifti_note import NOTE_KEY, fitted, noted_place, parse_note
from mambaseg.data.segmentation_record import check_version
from mambaseg.types.errors import UnreadableImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage

__all__ = ["IMAGE_KEY", "ImageRecord", "is_at", "recorded"]

IMAGE_KEY = "mambaseg_image"


class ImageRecord(BaseModel):
    """Everything of a MedicalImage but its array, its source and its notes."""

    model_config = ConfigDict(extra="ignore")

    format_version: int = 1
    axes: Literal["CYX", "CTYX", "CZYX", "CTZYX"]
    geometry: Geometry
    channel_names: tuple[str, ...]
    window: tuple[float, float] | None = None

    @classmethod
    def of(cls, image: MedicalImage) -> Self:
        """Describe an image."""
        return cls(
            axes=image.axes,
            geometry=image.geometry,
            channel_names=image.channel_names,
            window=image.window,
        )


def recorded(image: MedicalImage, keys: Mapping[str, str], path: Path) -> MedicalImage:
    """Give an image as it was when we wrote it, if we did.

    Parameters
    ----------
    image : MedicalImage
        As the file's format alone has it.
    keys : mapping of str to str
        The file's own further fields.
    path : Path
        For messages.

    Raises
    ------
    UnreadableImageError
        If what we wrote was damaged.
    UnsupportedImageError
        If a newer mambaseg wrote it.
    """
    noted = parse_note(keys.get(NOTE_KEY, ""), path)
    if noted is not None and fitted(noted[0], image.array.shape[1:]) is None:
        noted = None
    if IMAGE_KEY not in keys and noted is None:
        return image
    try:
        if noted is not None:
            record = _of_note(image, *noted)
        else:
            content: Any = json.loads(keys[IMAGE_KEY])
            check_version(content.get("format_version", 0), path)
            record = ImageRecord.model_validate(content)
        array = image.array
        shape = _shape(record, array.shape)
        if shape != array.shape:
            array = DeferredArray(
                shape, array.dtype, lambda: np.asarray(image.array).reshape(shape)
            )
        geometry = record.geometry
        if noted is None and not is_at(geometry, image.geometry):  # another program moved it
            geometry = _moved(geometry, image.geometry)
        names, window = record.channel_names, record.window
        return replace(
            image,
            array=array,
            axes=record.axes,
            geometry=geometry,
            channel_names=names,
            window=window,
            notes=(),
        )
    except (json.JSONDecodeError, ValidationError, ValueError) as error:
        raise UnreadableImageError(
            f"{path} is damaged: what mambaseg wrote of its axes no longer fits it. Write it again."
        ) from error


def _of_note(image: MedicalImage, axes: str, unknown: list[str]) -> ImageRecord:
    """Give what the note in a NIfTI file says: which axes exist and what is unknown."""
    times = image.geometry.frame_times_s
    if times is None and "T" in axes and "times" not in unknown:
        times = (0.0,)  # one frame, whose axis the format has dropped
    place = noted_place(image.geometry, axes, unknown)
    return ImageRecord(
        axes="C" + axes,
        geometry=replace(place, frame_times_s=None if "times" in unknown else times),
        channel_names=image.channel_names,
    )


def _shape(record: ImageRecord, found: tuple[int, ...]) -> tuple[int, ...]:
    """Give the shape as its axes have it."""
    shape = (len(record.channel_names), *(fitted(record.axes[1:], found[1:]) or ()))
    if prod(shape) != prod(found):
        raise ValueError(f"{record.axes} does not fit {found}")
    return shape


def _moved(recorded: Geometry, found: Geometry) -> Geometry:
    """Give where a file says that it lies now, at the times that were recorded."""
    if recorded.spacing_mm is None or len(recorded.spacing_mm) == 3:
        return replace(found, frame_times_s=recorded.frame_times_s)
    return replace(recorded, spacing_mm=(found.spacing_mm or ())[-2:] or None)


def is_at(recorded: Geometry, found: Geometry) -> bool:
    """Tell whether a file's own geometry is that which was recorded, to its precision."""
    spacing = recorded.spacing_mm or (1.0, 1.0)
    same = np.allclose(spacing, (found.spacing_mm or (1.0,) * 3)[-len(spacing) :], 1e-5)
    if len(spacing) == 2:
        return bool(same)
    return bool(
        same
        and np.allclose(
            recorded.origin_mm or np.zeros(3), found.origin_mm or np.zeros(3), 1e-5, 1e-4
        )
        and np.allclose(
            recorded.direction or np.eye(3).ravel(), found.direction or np.eye(3).ravel(), 0, 1e-5
        )
    )
