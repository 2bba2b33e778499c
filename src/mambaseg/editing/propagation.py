"""Masks of a few frames, carried to the others along the motion that the clip shows."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mambaseg.editing.comparing import agreement
from mambaseg.editing.motion import Displacements, Motion
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

_SHARES = (1.0, 0.5, 0.0)
"""How much the motion may say on the frames between two known ones, their shapes the rest."""
_MEASURED = 3
"""Known frames that are left out in turn to find which share is best."""


def propagate(
    read: Callable[[int], NDArray[Any]], known: Mapping[int, Labels], frames: Iterable[int]
) -> Iterator[tuple[int, Labels]]:
    """Carry masks of some frames to others, and blend what comes from both sides.

    The motion is dense optical flow (iterative Lucas-Kanade) from frame to frame; along it the
    signed distances to the known outlines are moved, and between two known frames they are
    blended by nearness. Where three or more are known, some are left out in turn: it may be that
    they are found better by their shapes alone, as `interpolate` finds them, or by half of each;
    then that is done between all.

    Parameters
    ----------
    read : callable
        Gives a frame of the clip (or a slice) by its index as ndarray of shape (C, Y, X).
    known : mapping of int to ndarray of int, shape (Y, X)
        Class values by frame; 0 is background.
    frames : iterable of int
        Those that masks are wanted of. What is known is left out.

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
    motion, order, wanted = Motion(read), sorted(known), sorted(set(frames) - set(known))
    if not wanted:
        return
    size = read(wanted[0]).shape[1:]
    for frame, mask in known.items():
        if mask.shape != size:
            raise InvalidOptionError(
                f"The mask of frame {frame} has the shape {mask.shape}, but the clip's frames "
                f"are {size}: choose the mask of this clip."
            )
    between = _best_share(motion, known)
    for place, some in groupby(wanted, lambda frame: bisect(order, frame)):
        left, right, gap = [None, *order][place], [*order, None][place], list(some)
        share = 1.0 if left is None or right is None else between
        sides = _sides(motion, known, (left, right), range(gap[0], gap[-1] + 1))
        for frame in gap:
            yield frame, _mask(sides, frame, share)


def _best_share(motion: Motion, known: Mapping[int, Labels]) -> float:
    """Choose how much the motion says, by the agreement on known frames that are left out."""
    order = sorted(known)
    # The widest gaps first: there the ways differ most.
    inner = sorted(zip(order, order[1:], order[2:], strict=False), key=lambda one: one[0] - one[2])
    found = dict.fromkeys(_SHARES, 0.0)
    for left, middle, right in inner[:_MEASURED]:
        sides = _sides(motion, known, (left, right), range(middle, middle + 1))
        for share in _SHARES:
            found[share] += agreement(_mask(sides, middle, share), known[middle])
    return max(found, key=found.__getitem__)


def _sides(
    motion: Motion, known: Mapping[int, Labels], neighbours: tuple[int | None, ...], gap: range
) -> list[_Carried]:
    """Carry the known masks on one or both sides of a gap to its further end."""
    return [
        _Carried(motion, source, known[source], gap[-1] if source < gap[0] else gap[0])
        for source in neighbours
        if source is not None
    ]


def _mask(sides: list[_Carried], frame: int, share: float) -> Labels:
    """Blend what comes from the sides, by nearness."""
    first, last = sides[0], sides[-1]
    # Beyond the outlines nothing can come to lie: that is most of the frame.
    box = _around([side.extent(frame, share) for side in sides])
    distances = first.to(frame, box, share)
    if last is not first:
        fraction = (frame - first.source) / (last.source - first.source)
        distances = blended(distances, last.to(frame, box, share), fraction)
    labels = np.zeros_like(first.labels)
    labels[box] = to_labels(distances, labels[box])
    return labels


def _around(boxes: list[Box]) -> Box:
    rows, columns = (
        slice(min(one.start for one in sides), max(one.stop for one in sides))
        for sides in zip(*boxes, strict=True)
    )
    return rows, columns


class _Carried:
    """One known mask, carried to the frames from its neighbour to a furthest one."""

    def __init__(self, motion: Motion, source: int, labels: Labels, furthest: int) -> None:
        self.source, self.labels = source, labels
        self._motion, self._furthest = motion, furthest
        self._distances = signed_distances(labels)

    @cached_property
    def _displacements(self) -> dict[int, Displacements]:
        way = 1 if self.source < self._furthest else -1
        steps = range(self.source + way, self._furthest + way, way)
        return dict(zip(steps, self._motion.back(self.source, steps), strict=True))

    def extent(self, frame: int, share: float) -> Box:
        """Give the part of another frame outside which the mask cannot lie."""
        if not share:
            return extent(self.labels > 0, (0, 0))
        furthest = [
            np.abs(one).max(axis=(1, 2)) * self.labels.shape / one.shape[1:]
            for one in self._displacements[frame]
        ]
        rows, columns = np.max(furthest, axis=0).astype(int) + 2  # pixels, one of them for rounding
        return extent(self.labels > 0, (int(rows), int(columns)))

    def to(self, frame: int, box: Box, share: float) -> Distances:
        """Give the distances in a part of another frame: moved for a share, the rest as they are.

        What is moved is the mean over all scales of the motion.
        """
        found = {value: (1 - share) * here[box] for value, here in self._distances.items()}
        if share:
            size = self.labels.shape
            places = [_places(one, size, box) for one in self._displacements[frame]]
            for value, here in self._distances.items():
                found[value] += share * np.mean([_at(here, one) for one in places], axis=0)
        return found


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
