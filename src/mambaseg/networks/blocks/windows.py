"""A network on images of other sizes than the one that it is built for: in windows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["extend_by_mirroring", "in_windows", "window_starts"]

_ALL_CHANNELS = (slice(None), slice(None))


def extend_by_mirroring(x: Tensor, size: Sequence[int]) -> Tensor:
    """Mirror x (B, C, ...) at the far end of each axis, over and over, until it has `size`.

    What is added looks like the image, so that it hardly moves its means and variances. Sides
    that are long enough stay as they are.
    """
    for axis, wanted in enumerate(size, start=2):
        side = x.shape[axis]
        if side < wanted:
            place = torch.arange(wanted, device=x.device) % (2 * side)
            x = x.index_select(axis, torch.minimum(place, 2 * side - 1 - place))
    return x


def window_starts(side: int, window: int) -> list[int]:
    """Where windows begin that cover a side, spread evenly, neighbours half over each other."""
    steps = -(-2 * max(side - window, 0) // window)
    return [round(i * (side - window) / steps) for i in range(steps + 1)] if steps else [0]


def in_windows(
    network: Callable[[Tensor], Sequence[Tensor]], x: Tensor, window: Sequence[int]
) -> list[Tensor]:
    """Run a network on windows of one size, one after the other, and average where they overlap.

    No window reaches over the border, except that an image smaller than the window is mirrored
    to its size, and the result cropped.

    Parameters
    ----------
    network : callable
        Takes (B, C, *window), and gives maps of this size or smaller by whole factors.
    x : Tensor, shape (B, C, ...)
        Of any size.
    window : sequence of int

    Returns
    -------
    list of Tensor
        The network's maps for the whole image: sides divided by the map's factor and rounded
        up. In maps smaller than the image a window's place is rounded to whole pixels.
    """
    size = x.shape[2:]
    x = extend_by_mirroring(x, window)
    averages: list[_Average] = []
    for corner in itertools.product(*map(window_starts, x.shape[2:], window)):
        inside = (slice(a, a + side) for a, side in zip(corner, window, strict=True))
        maps = network(x[(*_ALL_CHANNELS, *inside)])
        averages = averages or [_Average(y, x.shape[2:], window) for y in maps]
        for average, y in zip(averages, maps, strict=True):
            average.add(y, corner)
    return [average.within(size) for average in averages]


class _Average:
    """The mean of one map's windows."""

    def __init__(self, y: Tensor, size: Sequence[int], window: Sequence[int]) -> None:
        self.room = [side - extent for side, extent in zip(size, window, strict=True)]
        self.factors = [a // b for a, b in zip(window, y.shape[2:], strict=True)]
        self.total = y.new_zeros(*y.shape[:2], *self._shrunk(size))
        self.count = y.new_zeros(self._shrunk(size))

    def _shrunk(self, size: Sequence[int]) -> list[int]:
        return [-(-side // factor) for side, factor in zip(size, self.factors, strict=True)]

    def add(self, y: Tensor, corner: Sequence[int]) -> None:
        part = y.shape[2:]
        # The first begins and the last ends with the map; rounding shifts only those between.
        starts = [
            round(a * (whole - side) / max(room, 1))
            for a, whole, side, room in zip(corner, self.count.shape, part, self.room, strict=True)
        ]
        place = tuple(slice(a, a + side) for a, side in zip(starts, part, strict=True))
        self.total[(*_ALL_CHANNELS, *place)] += y
        self.count[place] += 1

    def within(self, size: Sequence[int]) -> Tensor:
        cropped = tuple(slice(side) for side in self._shrunk(size))
        return self.total[(*_ALL_CHANNELS, *cropped)] / self.count[cropped]
