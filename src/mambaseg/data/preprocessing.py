"""From an image's intensities to what a network takes: the same for training and inference."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.data.window import GreyWindow
from mambaseg.types.recipe import Recipe

__all__ = ["normalise", "resized_frames"]


_LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey, by ITU-R BT.601."""


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
