"""Measures doubt while a segmentation runs, from the probabilities that it has anyway."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.inference.boxes import WHOLE
from mambaseg.inference.doubt import Doubt
from mambaseg.types.network_output import NetworkOutput, Softmax

__all__ = ["DoubtMeter", "RowsMeter"]

_SIDE = 96
"""Pixels that the shorter side is thinned to, or some more: a third of the time, the same order."""
_REACH = 1
"""Of these pixels, how many on either side of a border count as near it."""
_LEAST_AREA = 0.003
"""Part of the picture that is added to every area, so that faint traces of nothing stay small."""
_MOST_UNSURE = 0.01
"""Part of the picture that stands for the border where there is none."""


class DoubtMeter:
    """Takes the frames or slices of a run in ascending order, at the network's size.

    Three parts make a frame's score:

    entropy
        The mean of two. Near borders: mean entropy, in bit, of the least sure class
        over the pixels next to a class's border; where nothing was
        found, over the hundredth of the picture that is least sure. And relative to
        area: of each class, its summed entropy as a part of this sum, the
        class's area and 0.3 % of the picture; mean over the classes.
    disagreement
        1 - soft Dice between two passes over the frame, the greatest of those there
        were. A frame seen once has what lies between its neighbours'.
    jump
        1 - soft Dice between a frame and the one before and after, mean of both: it
        grows when area or position changes.

    Parameters
    ----------
    output : Softmax, Sigmoid or Regions
        What the probabilities are; Softmax's background is passed over.
    unit : {"frames", "slices"}
    frames : range
        What the scores will be of; what lies outside is passed over.
    part : tuple of (float, float)
        Along y and x the part of the picture that counts, from 0 to 1.
    """

    def __init__(
        self,
        output: NetworkOutput,
        unit: Literal["frames", "slices"],
        frames: range,
        part: tuple[tuple[float, float], ...] = WHOLE,
    ) -> None:
        self._lead = 1 if isinstance(output, Softmax) else 0
        self._unit: Literal["frames", "slices"] = unit
        self._frames = frames
        self._part = part
        self._entropy = self._unknown()
        self._disagreement = self._unknown()
        self._changes = self._unknown()  # from a frame to the next
        self._last: tuple[int, Tensor] | None = None

    def compare(self, frame: int, summed: Tensor, weight: float, other: Tensor) -> None:
        """Take the probabilities (K, y, x) of one frame by two passes.

        Parameters
        ----------
        frame : int
        summed : Tensor
            Of earlier passes, times their weights.
        weight : float
            Sum of these.
        other : Tensor
            Of another pass.
        """
        if frame in self._frames:
            one, two = (self._thinned(pass_[None]) for pass_ in (summed, other))
            found = 1 - float(_dice(one / weight, two, dims=(0, 1, 2, 3)))
            place = frame - self._frames.start
            self._disagreement[place] = np.fmax(self._disagreement[place], found)

    def add(self, start: int, probabilities: Tensor) -> None:
        """Take the final probabilities (N, K, y, x) of the frames from `start` on."""
        kept = range(start, start + len(probabilities))
        kept = range(max(kept.start, self._frames.start), min(kept.stop, self._frames.stop))
        if not kept:
            return
        probabilities = probabilities[kept.start - start : kept.stop - start]
        start, first = kept.start, kept.start - self._frames.start
        classes = self._thinned(probabilities)
        self._entropy[first : first + len(classes)] = _entropy(classes).cpu().numpy()
        if self._last is not None and self._last[0] == start - 1:
            classes = torch.cat([self._last[1], classes])
            first -= 1
        if len(classes) > 1:
            changes = 1 - _dice(classes[:-1], classes[1:], dims=(1, 2, 3))
            self._changes[first : first + len(changes)] = changes.cpu().numpy()
        self._last = (start + len(probabilities) - 1, classes[-1:].clone())

    def rows(self, frame: int, size: tuple[int, int]) -> RowsMeter:
        """Take a frame (y, x) some rows at a time."""
        step = max(1, min(size) // _SIDE)
        return RowsMeter(self, frame, size[0], step)

    def doubt(self) -> Doubt:
        """Give the scores of what was taken so far."""
        known = np.isfinite(self._entropy)
        disagreement = jump = None
        if np.isfinite(self._disagreement).any():
            places, heard = np.arange(len(known)), np.isfinite(self._disagreement)
            between = np.interp(places, places[heard], self._disagreement[heard])
            disagreement = np.where(known, between, np.nan).astype(np.float32)
        if np.isfinite(self._changes).any():
            sides = np.stack([np.roll(self._changes, 1), self._changes])
            number = np.isfinite(sides).sum(axis=0)
            mean = np.nansum(sides, axis=0) / np.maximum(number, 1)
            jump = np.where(number, mean, np.nan).astype(np.float32)
        return Doubt.combined(self._unit, self._frames.start, self._entropy, disagreement, jump)

    def _thinned(self, probabilities: Tensor) -> Tensor:
        """Give every nth pixel of the classes, (N, K, y, x)."""
        step = max(1, min(probabilities.shape[2:]) // _SIDE)
        y, x = (
            slice(int(start * length), max(math.ceil(stop * length), 1), step)
            for (start, stop), length in zip(self._part, probabilities.shape[2:], strict=True)
        )
        return probabilities[:, self._lead :, y, x].float().contiguous()

    def _unknown(self) -> NDArray[np.float32]:
        return np.full(len(self._frames), np.nan, np.float32)


class RowsMeter:
    """Takes one frame's rows in turn, and gives a DoubtMeter the whole, thinned.

    Parameters
    ----------
    meter : DoubtMeter
    frame : int
    rows : int
        How many the frame has.
    step : int
        Which of them, and of the columns, are kept.
    """

    def __init__(self, meter: DoubtMeter, frame: int, rows: int, step: int) -> None:
        self._meter, self._frame, self._rows, self._step = meter, frame, rows, step
        self._kept: list[Tensor] = []
        self._next = 0

    def add(self, probabilities: Tensor) -> None:
        """Take the next rows, shape (rows, K, x)."""
        self._kept.append(probabilities[-self._next % self._step :: self._step, :, :: self._step])
        self._next += len(probabilities)
        if self._next == self._rows:
            self._meter.add(self._frame, torch.cat(self._kept).transpose(0, 1)[None])


def _dice(one: Tensor, other: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Soft Dice of the classes together; two empty masks agree."""
    size = (one.sum(dims) + other.sum(dims)).clamp(min=1.0)
    missing: Tensor = (one - other).abs().sum(dims)  # 2 |A & B| = |A| + |B| - |A xor B|
    return 1 - missing / size


def _entropy(classes: Tensor) -> Tensor:
    """Entropy (N,) of probabilities (N, K, y, x), near borders and relative to area."""
    rest = 1 - classes
    each = (torch.special.entr(classes) + torch.special.entr(rest)) / math.log(2)
    found = (classes >= 0.5).float()
    side = 2 * _REACH + 1
    near = F.max_pool2d(found, side, 1, _REACH) + F.max_pool2d(1 - found, side, 1, _REACH) > 1
    near = near.any(dim=1)
    unsure = each.amax(dim=1)
    pixels = unsure[0].numel()
    border = (unsure * near).sum((1, 2)) / near.sum((1, 2)).clamp(min=1)
    for place in torch.nonzero(near.sum((1, 2)) == 0).flatten():
        most = max(1, int(_MOST_UNSURE * pixels))
        border[place] = unsure[place].flatten().topk(most).values.mean()
    sums = each.sum((2, 3))
    shares = sums / (sums + found.sum((2, 3)) + _LEAST_AREA * pixels)
    entropy: Tensor = (border + shares.mean(dim=1)) / 2
    return entropy
