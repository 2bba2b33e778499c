"""Masks of a few frames, carried to the others along the motion that the clip shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mambaseg.editing.motion import Motion
from mambaseg.editing.scaling import enlarged
from mambaseg.editing.shapes import (
    Box,
    Distances,
    blended,
    extent,
    signed_distances,
    to_labels,
)
from mambaseg.types.errors import InvalidOptionError

__all__ = ["propagate"]

Labels = NDArray[np.integer[Any]]


def propagate(
    read: Callable[[int], NDArray[Any]], known: Mapping[int, Labels], frames: range
) -> Iterator[tuple[int, Labels]]:
    """Carry masks of some frames to others, and blend what comes from both sides.

    The motion is dense optical flow (iterative Lucas-Kanade) from frame to frame; along it the
    signed distances to the known outlines are moved, and between two known frames they are
    blended by nearness.

    Parameters
    ----------
    read : callable
        Gives a frame of the clip (or a slice) by its index as ndarray of shape (C, Y, X).
    known : mapping of int to ndarray of int, shape (Y, X)
        Class values by frame; 0 is background.
    frames : range
        Those that masks are wanted of, a run of neighbours. What is known is left out.

    Yields
    ------
    int
        A frame, in ascending order.
    ndarray of int, shape (Y, X)
        Its mask.

    Raises
    ------
    InvalidOptionError
        If nothing is known, or a mask has not the clip's size.
    """
    if not known:
        raise InvalidOptionError("No frame has a mask to start from: correct or verify one first.")
    motion, order = Motion(read), sorted(known)
    for left, right in pairwise([None, *order, None]):
        start = frames.start if left is None else max(left + 1, frames.start)
        stop = frames.stop if right is None else min(right, frames.stop)
        sides = [side for side in (left, right) if side is not None]
        gap = range(start, stop)
        if not len(gap):
            continue
        size = read(start).shape[1:]
        carried = [_Carried(motion, side, known[side], gap, size) for side in sides]
        for frame in gap:
            # Beyond the outlines nothing can come to lie: that is most of the frame.
            box = _around([side.extent(frame) for side in carried])
            moved, *other = (side.to(frame, box) for side in carried)
            if left is not None and right is not None:
                moved = blended(moved, other[0], (frame - left) / (right - left))
            labels = np.zeros_like(known[sides[0]])
            labels[box] = to_labels(moved, labels[box])
            yield frame, labels


def _around(boxes: list[Box]) -> Box:
    rows, columns = (
        slice(min(one.start for one in sides), max(one.stop for one in sides))
        for sides in zip(*boxes, strict=True)
    )
    return rows, columns


class _Carried:
    """One known mask, carried over a gap beside it."""

    def __init__(
        self, motion: Motion, source: int, labels: Labels, gap: range, size: tuple[int, ...]
    ) -> None:
        if labels.shape != size:
            raise InvalidOptionError(
                f"The mask of frame {source} has the shape {labels.shape}, but the clip's frames "
                f"are {size}: choose the mask of this clip."
            )
        self._size, self._mask, self._distances = size, labels > 0, signed_distances(labels)
        ahead = source < gap.start
        steps = range(source + 1, gap.stop) if ahead else range(source - 1, gap.start - 1, -1)
        self._displacements = dict(zip(steps, motion.back(source, steps), strict=True))

    def extent(self, frame: int) -> Box:
        """Give the part of another frame outside which the mask cannot lie."""
        furthest = [
            np.abs(one).max(axis=(1, 2)) * self._size / one.shape[1:]
            for one in self._displacements[frame]
        ]
        rows, columns = np.max(furthest, axis=0).astype(int) + 2  # pixels, one of them for rounding
        return extent(self._mask, (int(rows), int(columns)))

    def to(self, frame: int, box: Box) -> Distances:
        """Give the distances as they are in a part of another frame; the mean of all scales."""
        places = [_places(one, self._size, box) for one in self._displacements[frame]]
        return {
            value: np.mean([_at(distances, one) for one in places], axis=0)
            for value, distances in self._distances.items()
        }


def _at(distances: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = ndimage.map_coordinates(distances, places, order=1, mode="nearest")
    return found


def _places(
    displacement: NDArray[np.float32], size: tuple[int, ...], box: Box
) -> NDArray[np.float32]:
    """Where the pixels of a part of the frame come from, shape (2, y, x)."""
    found = np.indices(size, np.float32)[:, *box]
    for axis, full in enumerate(size):
        found[axis] += enlarged(displacement[axis], size, box) * (
            full / displacement.shape[1 + axis]
        )
    return found
