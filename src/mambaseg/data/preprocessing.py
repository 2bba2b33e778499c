"""From an image's intensities to what a network takes: the same for training and inference."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.data.volume_scaling import finite
from mambaseg.data.window import GreyWindow
from mambaseg.types.intensity import Intensity, MinMax, Scaled, ZScore
from mambaseg.types.recipe import Recipe

__all__ = ["network_frames", "normalise", "resized_frames"]


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
    return _resized(_grey_if(torch.from_numpy(window.scale(frames)), channels), channels, size)


def normalise(frames: Tensor, recipe: Recipe) -> Tensor:
    """Standardise frames for the network.

    Parameters
    ----------
    frames : Tensor, shape (C, T, y, x)
        From 0 to 1 where the Recipe's rule is "scaled"; else of any range, and
        each frame is measured by itself.

    Returns
    -------
    Tensor, shape (T, C, y, x)
    """
    rule = recipe.intensity
    if isinstance(rule, Scaled):
        return _by_rule(frames, rule).transpose(0, 1)
    return torch.stack([_by_rule(frame, rule) for frame in frames.unbind(1)])


def network_frames(
    frames: NDArray[Any], window: GreyWindow, recipe: Recipe, size: tuple[int, int]
) -> Tensor:
    """Make frames or pictures what a network takes.

    Parameters
    ----------
    frames : ndarray, shape (C, T, Y, X)
        Intensities, as of `resized_frames`.
    window : GreyWindow
        Of the whole image, for the rule "scaled"; the other rules measure each frame.
    recipe : Recipe
    size : (int, int)
        (y, x) of the result.

    Returns
    -------
    Tensor, shape (T, channels, y, x), float32
    """
    rule, channels = recipe.intensity, len(recipe.channels)
    if isinstance(rule, Scaled):
        return normalise(resized_frames(frames, window, channels, size), recipe)
    measured = normalise(_grey_if(finite(frames), channels), recipe)
    return _resized(measured.transpose(0, 1), channels, size).transpose(0, 1)


def _grey_if(x: Tensor, channels: int) -> Tensor:
    """Weigh red, green and blue to grey where the network takes one channel."""
    if channels == 1 and len(x) == 3:
        grey: Tensor = torch.tensordot(x.new_tensor(_LUMA), x, dims=1)
        return grey[None]
    return x


def _resized(x: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    if x.shape[-2:] != size:
        x = F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    return x.expand(channels, -1, -1, -1)


def _by_rule(x: Tensor, rule: Intensity) -> Tensor:
    """Apply a rule to one image, x (C, ...)."""
    if isinstance(rule, Scaled):
        mean, std = (
            x.new_tensor(values).view(-1, *[1] * (x.ndim - 1)) for values in (rule.mean, rule.std)
        )
        return (x - mean) / std
    if isinstance(rule, MinMax):
        low, high = x.min(), x.max()
        span = high - low
        scaled: Tensor = (x - low) * (rule.highest / span if span > 0 else 0.0)
        return scaled
    return torch.stack([_z_scored(channel, rule) for channel in x])


def _z_scored(channel: Tensor, rule: ZScore) -> Tensor:
    if rule.over == "all":
        return (channel - channel.mean()) / _spread(channel)
    chosen = channel != 0
    if not chosen.any():
        return channel
    values = channel[chosen]
    result = torch.zeros_like(channel)
    result[chosen] = (values - values.mean()) / _spread(values)
    return result


def _spread(values: Tensor) -> Tensor:
    """Give the standard deviation; 1 for what does not vary."""
    spread = values.std(correction=0)
    return spread if spread > 0 else torch.ones_like(spread)
