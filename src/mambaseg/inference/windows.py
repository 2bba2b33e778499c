"""Overlapping windows over a volume or a picture, placed and weighed as MONAI does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

__all__ = ["smaller_sides", "window_places", "window_weights"]

_SIGMA = 1 / 8
_LEAST = 1e-3
"""Of a weight, so that a voxel that only corners see has one."""


def window_places(
    size: Sequence[int], window: Sequence[int], overlap: float
) -> list[tuple[slice, ...]]:
    """Place windows so that they cover a volume.

    Parameters
    ----------
    size : sequence of int
        Voxels along each axis.
    window : sequence of int
        Sides of a window, at most `size`.
    overlap : float
        Fraction of a side that neighbours share at least, from 0 to below 1; the
        last window along an axis is moved back to end with the volume.

    Returns
    -------
    list of tuple of slice
        In raster order.
    """
    starts = [
        [*range(0, length - side, max(1, int(side * (1 - overlap)))), length - side]
        for length, side in zip(size, window, strict=True)
    ]
    return [
        tuple(slice(start, start + side) for start, side in zip(corner, window, strict=True))
        for corner in product(*starts)
    ]


def window_weights(window: Sequence[int], blending: str) -> Tensor:
    """Weights of a window's voxels in the average.

    Parameters
    ----------
    window : sequence of int
        Its sides.
    blending : {"gaussian", "constant"}
        Falling to the borders, with a sigma of an eighth of each side, or one.

    Returns
    -------
    Tensor, shape `window`, float32
    """
    weights = torch.ones(1)
    for side in window:
        along = torch.ones(side)
        if blending == "gaussian":
            away = torch.arange(side) - (side - 1) / 2
            along = torch.exp(-0.5 * (away / (_SIGMA * side)) ** 2)
        weights = weights[..., None] * along
    return weights[0].clamp_(min=max(_LEAST, weights.min().item()))


def smaller_sides(window: Sequence[int], least: int) -> tuple[int, ...] | None:
    """Shrink a window to about two thirds, in steps of 16; None where no side can shrink."""
    sides = tuple(
        max(min(side, least), int(side * 0.7) // 16 * 16) if side > least else side
        for side in window
    )
    return sides if sides != tuple(window) else None
