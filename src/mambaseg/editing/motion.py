"""How what is seen moves through a clip: dense optical flow at several scales."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mambaseg.editing.scaling import scaled

__all__ = ["Displacements", "Motion"]

_KEPT = 256
"""Pairs of frames whose motion is kept, 0.2 MB each: what is left out in turn needs them again."""
_SCALES = ((64, 4), (96, 5), (128, 5))
"""Longer side of the frames that are compared, and radius of the window around each pixel.

Coarse ones follow large motion and do not take speckle for it; fine ones follow details. Three
together were better than, or as good as, the best of them on every clip that was tried.
"""

Frame = NDArray[np.float32]
Displacements = tuple[NDArray[np.float32], ...]
"""One of each scale, shape (2, y, x): where each pixel comes from, in pixels along y and x."""


class Motion:
    """The motion between frames of one clip; frames are read once.

    Parameters
    ----------
    read : callable
        Gives a frame by its index as ndarray of shape (C, Y, X).
    """

    def __init__(self, read: Callable[[int], NDArray[Any]]) -> None:
        self._read = read
        self._frames: dict[int, tuple[Frame, ...]] = {}
        self._flow = lru_cache(_KEPT)(self._measured)

    def back(self, frame: int, steps: range) -> list[Displacements]:
        """Follow each pixel of later (or earlier) frames back to one frame.

        Parameters
        ----------
        frame : int
            Where they come from.
        steps : range
            The frames after it, or before it, in the order in which they are met.

        Returns
        -------
        list of Displacements
            For each of them.
        """
        found: list[Displacements] = []
        for here in steps:
            flow = self._flow(here, here - steps.step)
            found.append(_chained(flow, found[-1]) if found else flow)
        return found

    def _measured(self, here: int, there: int) -> Displacements:
        from skimage.registration import optical_flow_ilk

        pairs = zip(self._scaled(here), self._scaled(there), _SCALES, strict=True)
        return tuple(
            np.asarray(optical_flow_ilk(a, b, radius=radius), np.float32)  # type: ignore[no-untyped-call]
            for a, b, (_, radius) in pairs
        )

    def _scaled(self, index: int) -> tuple[Frame, ...]:
        if index not in self._frames:
            grey = _reduced(np.asarray(self._read(index)).mean(0, dtype=np.float32))
            low, high = np.percentile(grey, (0.5, 99.5))
            grey = (grey - low) / max(high - low, 1e-6)
            self._frames[index] = tuple(
                scaled(grey, _shape(grey.shape, side)) for side, _ in _SCALES
            )
        return self._frames[index]


def _reduced(grey: Frame) -> Frame:
    """Take means of square blocks, as long as twice the finest scale is left."""
    side = max(grey.shape) // (2 * _SCALES[-1][0])
    if side < 2:
        return grey
    rows, columns = (size // side for size in grey.shape)
    blocks = grey[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.asarray(blocks.mean((1, 3)), np.float32)


def _shape(full: tuple[int, ...], side: int) -> tuple[int, ...]:
    return tuple(max(16, round(size * side / max(full))) for size in full)


def _chained(flow: Displacements, before: Displacements) -> Displacements:
    """Follow `flow` to the frame between, and from there what was followed before."""
    found = []
    for step, rest in zip(flow, before, strict=True):
        between = np.indices(step.shape[1:], np.float32) + step
        moved = [ndimage.map_coordinates(part, between, order=1, mode="nearest") for part in rest]
        found.append(step + np.stack(moved))
    return tuple(found)
