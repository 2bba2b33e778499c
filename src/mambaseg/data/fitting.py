"""Whether an image is something that a model takes; asked often, so it needs no torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe

__all__ = ["as_clip", "check_fits"]


def as_clip(image: MedicalImage) -> MedicalImage:
    """Take a still image (CYX) for a clip of one frame (CTYX); give others as they are."""
    if image.kind != "image":
        return image
    return replace(image, array=np.asarray(image.array[:])[:, None], axes="CTYX")


def check_fits(image: MedicalImage, recipe: Recipe) -> None:
    """See whether an image is something that a Recipe's network takes.

    Raises
    ------
    UnsupportedImageError
        If its kind or its channels do not fit.
    """
    what = image.source or "The image"
    if image.kind != recipe.kind:
        raise UnsupportedImageError(
            f"{what} is a single {image.kind} ({image.axes}, shape {image.array.shape}), but this "
            f"model takes a {recipe.kind}: choose another model or image."
        )
    if image.array.ndim != 4:
        raise UnsupportedImageError(
            f"{what} is a time series of volumes ({image.axes}), but this model takes clips of "
            "2D frames (CTYX): choose another model."
        )
    channels = image.array.shape[0]
    taken = len(recipe.channels)
    if channels != taken and (channels, taken) != (3, 1) and channels != 1:
        raise UnsupportedImageError(
            f"{what} has {channels} channels {image.channel_names}, but this model takes "
            f"{taken} {recipe.channels}: choose another model or image."
        )
