"""From an image's intensities to what a network takes: the same for training and inference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.data.window import GreyWindow
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe

__all__ = ["as_clip", "check_fits", "normalise", "resized_frames"]


_LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey, by ITU-R BT.601."""


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


def resized_frames(
    frames: NDArray[Any], window: GreyWindow, channels: int, size: tuple[int, int]
) -> Tensor:
    """Scale frames to 0..1 and to the network's size.

    Parameters
    ----------
    frames : ndarray, shape (C, T, Y, X)
        Intensities. A single channel is repeated where the network takes more;
        red, green and blue are weighed to grey where it takes one.
    window : GreyWindow
        The intensities that become 0 and 1, the same for all frames of a clip.
    channels : int
        Channels that the network takes.
    size : (int, int)
        (y, x) of the result.

    Returns
    -------
    Tensor, shape (channels, T, y, x), float32
        From 0 to 1.
    """
    x = torch.from_numpy(window.scale(frames))
    if channels == 1 and len(x) == 3:
        x = torch.tensordot(x.new_tensor(_LUMA), x, dims=1)[None]
    if x.shape[-2:] != size:
        x = F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    return x.expand(channels, -1, -1, -1)


def normalise(frames: Tensor, recipe: Recipe) -> Tensor:
    """Standardise frames for the network.

    Parameters
    ----------
    frames : Tensor, shape (C, T, y, x)
        From 0 to 1.

    Returns
    -------
    Tensor, shape (T, C, y, x)
    """
    mean, std = (
        frames.new_tensor(values)[:, None, None, None] for values in (recipe.mean, recipe.std)
    )
    return ((frames - mean) / std).transpose(0, 1)
