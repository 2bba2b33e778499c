"""Sliding windows over a volume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from mambaseg.inference.classes import probabilities_of
from mambaseg.inference.doubt_meter import DoubtMeter
from mambaseg.inference.events import CancelToken
from mambaseg.inference.forward import Forward
from mambaseg.inference.homing import Homing
from mambaseg.inference.network_volume import NetworkVolume
from mambaseg.inference.settings import Stitching
from mambaseg.inference.stitching import Stitcher
from mambaseg.inference.windows import window_places, window_weights
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.recipe import Recipe

__all__ = ["predict_volume", "volume_windows"]

Place = tuple[slice, ...]


def volume_windows(
    volume: NetworkVolume, window: Sequence[int], overlap: float
) -> tuple[tuple[int, ...], list[Place]]:
    """Place the windows over a volume.

    Parameters
    ----------
    volume : NetworkVolume
    window : sequence of int
        Sides on the network's axes; one that is longer than the volume is cut to it.
    overlap : float
        As of `window_places`.

    Returns
    -------
    sides : tuple of int
        Of each window.
    places : list of tuple of slice
        On the network's axes, in the order of their first stored slice.
    """
    grid = volume.grid
    sides = tuple(map(min, window, grid.seen_size))
    places = window_places(grid.seen_size, sides, overlap)
    return sides, sorted(places, key=lambda place: grid.stored(place)[0].start)


def predict_volume(
    volume: NetworkVolume,
    forward: Forward,
    recipe: Recipe,
    *,
    window: Sequence[int],
    cancel: CancelToken,
    batch: int = 1,
    stitching: Stitching = "device",
    start: int = 0,
    meter: DoubtMeter | None = None,
) -> Iterator[tuple[int, NDArray[np.uint8] | None]]:
    """Segment a volume, window by window.

    Logits are averaged over the windows. Windows go along the stored z axis, and
    sums are held only for the slices that windows are still to come for; class
    values are decided as soon as slices are final. Nothing is padded: a volume
    that is smaller than a window is one window there.

    Parameters
    ----------
    start : int
        The first slice that is wanted; windows that end before it are passed over.
    meter : DoubtMeter, optional
        Is told the probabilities of the slices that the network sees.

    Yields
    ------
    windows : int
        How many are done, those passed over included.
    labels : ndarray, shape (n, Y, X), uint8, or None
        Class values of the next slices, on the image's own grid.

    Raises
    ------
    Cancelled
        Ahead of a window, once `cancel` asks for it.
    UnsupportedImageError
        If the network does not take windows of this size.
    NotFiniteError
        If the network's output is not finite.
    """
    wanted, grid = recipe.input, volume.grid
    assert isinstance(wanted, VolumeInput)  # noqa: S101 - the plan chose by it
    sides, places = volume_windows(volume, window, wanted.overlap)
    home = _Home(volume, recipe, start, meter)
    todo = [place for place in places if grid.stored(place)[0].stop > home.first_row]
    device = forward.device if stitching == "device" else torch.device("cpu")
    weights = grid.turned_back(window_weights(sides, wanted.blending)).contiguous().to(device)
    layers = [list(layer) for _, layer in groupby(todo, lambda p: grid.stored(p)[0].start)]
    tops = [grid.stored(layer[0])[0].start for layer in layers] + [grid.size[0]]
    done = len(places) - len(todo)
    sums: Stitcher | None = None
    for layer, top, until in zip(layers, tops, tops[1:], strict=False):
        sums = sums or Stitcher(
            recipe.out_channels, grid.size[1:], weights, top, on_disk=stitching == "disk"
        )
        for first in range(0, len(layer), batch):
            cancel.check()
            group = layer[first : first + batch]
            x = torch.stack([volume.window(place) for place in group])
            logits = forward(x)
            for place, one in zip(group, logits, strict=True):
                sums.add(grid.stored(place), grid.turned_back(one))
            del x, logits, one  # not to be held while the next windows are in the network
            done += len(group)
            if first + batch < len(layer):
                yield done, None
        slabs = []
        for row, mean in _numbered(sums.take(until), top):
            slabs += home.labels(row, probabilities_of(mean, recipe))
            del mean
        if until == grid.size[0]:
            slabs.append(home.rest())
        yield done, np.concatenate(slabs) if slabs else None


def _numbered(pieces: Iterator[torch.Tensor], row: int) -> Iterator[tuple[int, torch.Tensor]]:
    for piece in pieces:
        count = len(piece)
        yield row, piece
        del piece
        row += count


class _Home:
    """Puts slices of what the network saw into the whole, with background around it."""

    def __init__(
        self, volume: NetworkVolume, recipe: Recipe, start: int, meter: DoubtMeter | None
    ) -> None:
        self._grid = volume.grid
        self._box = volume.grid.box
        self._next = start
        inside = min(max(start - self._box[0].start, 0), volume.grid.box_shape[0])
        rows, shape, first = volume.grid.size[0], volume.grid.box_shape, self._box[0].start

        def tell(z: int, probabilities: torch.Tensor) -> None:
            if meter is not None:
                meter.add(first + z, probabilities)

        self._homing = Homing(rows, shape, recipe, inside, tell)
        self.first_row = self._homing.first_row

    def labels(self, row: int, probabilities: torch.Tensor) -> list[NDArray[np.uint8]]:
        """Take in rows; give whole slices."""
        skipped = max(0, min(self.first_row - row, len(probabilities)))
        found: list[NDArray[np.uint8]] = []
        if skipped == len(probabilities):
            return found
        for inner in self._homing.push(row + skipped, probabilities[skipped:]):
            found += [*self._background(self._box[0].start), self._whole(inner)]
            self._next += len(inner)
        return found

    def rest(self) -> NDArray[np.uint8]:
        """Give the slices after the last that the network saw."""
        left = self._grid.shape[0] - self._next
        return np.zeros((left, *self._grid.shape[1:]), np.uint8)

    def _background(self, until: int) -> list[NDArray[np.uint8]]:
        if self._next >= until:
            return []
        count, self._next = until - self._next, until
        return [np.zeros((count, *self._grid.shape[1:]), np.uint8)]

    def _whole(self, inner: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if inner.shape[1:] == self._grid.shape[1:]:
            return inner
        whole = np.zeros((len(inner), *self._grid.shape[1:]), np.uint8)
        whole[:, *self._box[1:]] = inner
        return whole
