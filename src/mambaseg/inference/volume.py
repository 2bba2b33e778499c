"""Sliding windows over a volume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from mambaseg.data.network_grid import NetworkGrid
from mambaseg.data.preprocessing import network_volume
from mambaseg.data.window import GreyWindow
from mambaseg.inference.classes import labels_from_probabilities, probabilities_of
from mambaseg.inference.events import CancelToken
from mambaseg.inference.logits import segmentation_logits
from mambaseg.inference.windows import window_places, window_weights
from mambaseg.types.image import MedicalImage
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.recipe import Recipe

__all__ = ["PreparedVolume", "mirrorings", "predict_volume", "prepare_volume"]


@dataclass(frozen=True)
class PreparedVolume:
    """A volume as its network sees it, and where the windows lie.

    Parameters
    ----------
    x : Tensor, shape (C, z, y, x)
        Intensities on the network's grid.
    grid : NetworkGrid
        The way back.
    window : tuple of int
        Sides of a window.
    places : list of tuple of slice
        Where the windows lie in `x`.
    """

    x: Tensor
    grid: NetworkGrid
    window: tuple[int, ...]
    places: list[tuple[slice, ...]]


def prepare_volume(image: MedicalImage, recipe: Recipe) -> PreparedVolume:
    """Turn, crop, scale and resample a volume as a Recipe says.

    Parameters
    ----------
    image : MedicalImage
        Axes "CZYX".
    recipe : Recipe
        Whose input is a VolumeInput.
    """
    wanted = recipe.input
    assert isinstance(wanted, VolumeInput)  # noqa: S101 - the plan chose by it
    volume = np.asarray(image.array[:])
    grid = NetworkGrid.of(volume, image.geometry, wanted)
    x = network_volume(grid.cut(volume), GreyWindow.of(image), recipe)
    if x.shape[1:] != grid.size:
        x = F.interpolate(x[None], grid.size, mode="trilinear", align_corners=False)[0]
    window = tuple(map(min, wanted.patch_size, grid.size))
    return PreparedVolume(x, grid, window, window_places(grid.size, window, wanted.overlap))


def mirrorings(axes: Sequence[int]) -> list[tuple[int, ...]]:
    """Every combination of axes to mirror along, none first."""
    return list(chain.from_iterable(combinations(axes, n) for n in range(len(axes) + 1)))


def predict_volume(
    volume: PreparedVolume,
    network: nn.Module,
    recipe: Recipe,
    *,
    mirror_axes: Sequence[int],
    device: torch.device,
    cancel: CancelToken,
) -> Iterator[NDArray[np.uint8] | None]:
    """Segment a volume, window by window.

    Logits are averaged over the windows, on the CPU; nothing is padded: a volume
    that is smaller than a window is one window there.

    Yields
    ------
    None
        After each window but the last.
    labels : ndarray, shape (Z, Y, X), uint8
        At last, class values on the image's own grid.

    Raises
    ------
    Cancelled
        Ahead of a window, once `cancel` asks for it.
    UnsupportedImageError
        If the network does not take windows of this size.
    MambasegError
        If the network's output is not finite.
    """
    wanted = recipe.input
    assert isinstance(wanted, VolumeInput)  # noqa: S101 - the plan chose by it
    weights = window_weights(volume.window, wanted.blending)
    sums = torch.zeros(recipe.out_channels, *volume.grid.size)
    total = torch.zeros(volume.grid.size)
    for number, place in enumerate(volume.places, start=1):
        cancel.check()
        with torch.inference_mode():
            window = volume.x[:, *place].to(device)
            logits = _mirrored_logits(network, window, mirror_axes)
            sums[:, *place] += logits.cpu() * weights
            total[place] += weights
        if number < len(volume.places):
            yield None
    with torch.inference_mode():
        yield volume.grid.put_back(_decide(sums.div_(total), volume.grid, recipe))


def _mirrored_logits(network: nn.Module, window: Tensor, axes: Sequence[int]) -> Tensor:
    """Mean logits (K, z, y, x) of a window (C, z, y, x) over its mirror images."""
    ways = mirrorings(axes)
    found: list[Tensor] = []
    for way in ways:
        dims = tuple(axis + 1 for axis in way)
        logits = segmentation_logits(network, window.flip(dims)[None], "volume")[0].float()
        found.append(logits.flip(dims))
    return found[0] if len(found) == 1 else torch.stack(found).mean(dim=0)


def _decide(logits: Tensor, grid: NetworkGrid, recipe: Recipe) -> NDArray[np.uint8]:
    """Class values on the grid of what was cut from the image."""
    probabilities = probabilities_of(logits[None], recipe)
    if grid.cut_shape != grid.size:
        probabilities = F.interpolate(
            probabilities, grid.cut_shape, mode="trilinear", align_corners=False
        )
    labels: NDArray[np.uint8] = labels_from_probabilities(probabilities, recipe)[0]
    return labels
