"""A median over the frames of a film, as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["TemporalMedian"]

Labels = NDArray[np.uint8]


class TemporalMedian:
    """Gives each pixel the class that it has in most frames of a window around it.

    For one class that is the median. Where no class and not the background has
    more than half of the frames, the pixel stays as it is. At the ends the
    window shrinks on both sides, so that the first and last frame stay as they are.

    Parameters
    ----------
    window : int
        Odd number of frames; 1 passes everything through at once.
    classes : sequence of int
        The values beside the background that labels may hold.
    """

    def __init__(self, window: int, classes: Sequence[int]) -> None:
        self._half = window // 2
        self._values = (0, *classes)
        self._held: list[Labels] = []  # from at most half a window ahead of the next to give
        self._first = 0  # of those held
        self._next = 0  # to give

    def push(self, start: int, labels: Labels) -> Iterator[tuple[int, Labels]]:
        """Take frames (T, Y, X) from `start` on; give those that became final, and their start."""
        if self._half == 0:
            yield start, labels
            return
        if start != self._first + len(self._held):
            yield from self.finish()
        if not self._held:
            self._first = self._next = start
        self._held.extend(labels)
        yield from self._give(self._first + len(self._held) - self._half)

    def finish(self) -> Iterator[tuple[int, Labels]]:
        """Give what was held back; what comes next begins anew."""
        yield from self._give(self._first + len(self._held))
        self._held = []

    def _give(self, until: int) -> Iterator[tuple[int, Labels]]:
        if until <= self._next:
            return
        start = self._next
        given = np.stack([self._middle(frame - self._first) for frame in range(start, until)])
        self._next = until
        spent = max(0, until - self._half - self._first)
        del self._held[:spent]
        self._first += spent
        yield start, given

    def _middle(self, place: int) -> Labels:
        half = min(self._half, place, len(self._held) - 1 - place)
        around = np.stack(self._held[place - half : place + half + 1])
        result = self._held[place].copy()
        for value in self._values:
            result[(around == value).sum(axis=0) > half] = value
        return result
