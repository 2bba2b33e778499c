"""A volume as its network sees it, window by window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.data.network_grid import NetworkGrid, nonzero_box
from mambaseg.data.volume_scaling import VolumeScaling
from mambaseg.data.window import GreyWindow
from mambaseg.types.image import MedicalImage
from mambaseg.types.intensity import Scaled
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.recipe import Recipe

__all__ = ["NetworkVolume", "box_with_context"]

Box = tuple[slice, ...]


@dataclass(frozen=True)
class NetworkVolume:
    """A volume that is scaled where it is looked at, so that no scaled copy is held.

    Parameters
    ----------
    grid : NetworkGrid
        What the network sees, and the way back.
    channels : tuple of ndarray, shape (Z, Y, X)
        The part of each channel that the network sees, as stored.
    scaling : VolumeScaling
        What is done to intensities.
    resampled : Tensor, shape (C, *grid.size), or None
        Scaled and on the network's grid, where that is another one.
    """

    grid: NetworkGrid
    channels: tuple[NDArray[Any], ...]
    scaling: VolumeScaling
    resampled: Tensor | None

    @classmethod
    def of(cls, image: MedicalImage, recipe: Recipe, part: Box | None = None) -> Self:
        """Measure a volume, and resample it where the Recipe says so.

        Parameters
        ----------
        image : MedicalImage
            Axes "CZYX".
        recipe : Recipe
            Whose input is a VolumeInput.
        part : tuple of slice, optional
            The box outside of which nothing is wanted: half a window around it is
            looked at. Intensities are measured as ever.
        """
        wanted = recipe.input
        assert isinstance(wanted, VolumeInput)  # noqa: S101 - the plan chose by it
        # One channel at a time: the channels of several files are not put side by side.
        whole = [np.asarray(image.array[index]) for index in range(image.array.shape[0])]
        box = nonzero_box(whole) if wanted.crop_to_nonzero else None
        grid = NetworkGrid.of(whole[0].shape, image.geometry, wanted, box)
        channels = tuple(channel[grid.box] for channel in whole)
        window = GreyWindow.of(image) if isinstance(recipe.intensity, Scaled) else None
        scaling = VolumeScaling.of(channels, window, recipe.intensity)
        if part is not None:
            near = box_with_context(part, grid, wanted.patch_size)
            grid = NetworkGrid.of(whole[0].shape, image.geometry, wanted, near)
            channels = tuple(channel[grid.box] for channel in whole)
        resampled = None
        if grid.size != grid.box_shape:
            resampled = _resampled(channels, scaling, grid.size)
        return cls(grid, channels, scaling, resampled)

    def window(self, place: tuple[slice, ...]) -> Tensor:
        """Give the window (C, z, y, x) at a place on the network's axes, turned as it wants."""
        stored = self.grid.stored(place)
        if self.resampled is not None:
            x = self.resampled[:, *stored]
        else:
            x = torch.stack(
                [self.scaling.channel(c[stored], i) for i, c in enumerate(self.channels)]
            )
        return self.grid.turned(x).contiguous()


def box_with_context(part: Box, grid: NetworkGrid, window: Sequence[int]) -> Box:
    """Give a box with half a window around it, as far as the network's own box reaches."""
    found = []
    for axis, (side, seen) in enumerate(zip(part, grid.box, strict=True)):
        stored = window[grid.order.index(axis)] * grid.box_shape[axis] / grid.size[axis]
        margin = math.ceil(stored / 2)
        start = max(seen.start, side.start - margin)
        stop = min(seen.stop, side.stop + margin)
        # A box in the empty border is looked at for itself.
        found.append(slice(start, stop) if start < stop else side)
    return tuple(found)


def _resampled(
    channels: Sequence[NDArray[Any]], scaling: VolumeScaling, size: tuple[int, ...]
) -> Tensor:
    x = torch.empty(len(channels), *size)
    for index, channel in enumerate(channels):
        scaled = scaling.channel(channel, index)[None, None]
        x[index] = F.interpolate(scaled, size, mode="trilinear", align_corners=False)[0, 0]
    return x
