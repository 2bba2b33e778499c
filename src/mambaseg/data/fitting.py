"""Whether an image is something that a model takes; asked often, so it needs no torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import Kind, MedicalImage
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.recipe import Recipe

__all__ = ["as_clip", "as_slices", "check_fits", "check_kind", "unknown_place"]

_TAKEN: dict[Kind, tuple[Kind, ...]] = {
    "image": ("image", "video"),  # a film, one frame after another
    "video": ("video", "image"),  # a picture, as a clip of one frame
    "volume": ("volume",),
}
"""Kinds of image that models of a kind take."""


def as_clip(image: MedicalImage) -> MedicalImage:
    """Take a still image (CYX) for a clip of one frame (CTYX); give others as they are."""
    if image.kind != "image":
        return image
    return replace(image, array=np.asarray(image.array[:])[:, None], axes="CTYX")


def as_slices(image: MedicalImage) -> MedicalImage:
    """Take the slices of a volume (CZYX) for the frames of a clip (CTYX)."""
    spacing = image.geometry.spacing_mm
    return replace(
        image, axes="CTYX", geometry=Geometry(spacing_mm=None if spacing is None else spacing[1:])
    )


def check_kind(image: MedicalImage, recipe: Recipe) -> None:
    """See whether an image is of a kind that a Recipe's network takes.

    Raises
    ------
    UnsupportedImageError
        If it is not.
    """
    what = image.source or "The image"
    if "T" in image.axes and "Z" in image.axes:
        if recipe.kind == "volume":
            return
        raise UnsupportedImageError(
            f"{what} is a time series of volumes ({image.axes}), but this model takes a single "
            f"{recipe.kind}: choose another model, or save one volume as an image of its own."
        )
    if image.kind not in _TAKEN[recipe.kind]:
        hint = "choose another model or image."
        if (image.kind, recipe.kind) == ("volume", "image"):
            hint = "choose another model, or ask for it slice by slice."
        if (image.kind, recipe.kind) == ("video", "volume"):
            hint = "choose another model or image; a layer's axis label z tells slices from frames."
        raise UnsupportedImageError(
            f"{what} is a single {image.kind} ({image.axes}, shape {image.array.shape}), but this "
            f"model takes {'an' if recipe.kind == 'image' else 'a'} {recipe.kind}: {hint}"
        )


def check_fits(image: MedicalImage, recipe: Recipe) -> None:
    """See whether an image is something that a Recipe's network takes.

    Raises
    ------
    UnsupportedImageError
        If its kind or its channels do not fit.
    """
    check_kind(image, recipe)
    what = image.source or "The image"
    channels, taken = image.array.shape[0], len(recipe.channels)
    if channels == taken or ((channels, taken) == (3, 1) and recipe.kind != "volume"):
        return
    if (channels, taken) == (1, 3) and recipe.kind != "volume":
        return
    raise UnsupportedImageError(
        f"{what} has {channels} channel{'s' * (channels > 1)} {image.channel_names}, but this "
        f"model takes {taken} {recipe.channels}: "
        + (
            "give a file or layer for each."
            if channels < taken
            else "choose another model or image."
        )
    )


def unknown_place(image: MedicalImage, recipe: Recipe) -> str:
    """Say what a volume does not tell that its network goes by; "" if nothing."""
    seen, place = recipe.input, image.geometry
    if not isinstance(seen, VolumeInput):
        return ""
    lacks = []
    if seen.spacing_mm is not None and place.spacing_mm is None:
        learnt = " x ".join(f"{side:g}" for side in seen.spacing_mm)
        lacks.append(f"how large its voxels are (this model has learnt from {learnt} mm)")
    if seen.orientation is not None and place.direction is None:
        lacks.append(f"how it lies in the patient (this model has learnt from {seen.orientation})")
    if not lacks:
        return ""
    return (
        f"{image.source or 'The image'} does not say {' nor '.join(lacks)}: the model sees it as "
        "it is stored, and the mask may be wrong. Read it from a file that says so."
    )
