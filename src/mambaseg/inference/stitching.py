"""Overlapping windows put together, holding only the rows that windows are still to come for."""

from __future__ import annotations

import errno
import math
import tempfile
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mambaseg.files import reserve
from mambaseg.types.errors import OutputError

__all__ = ["Stitcher"]

PIECE_BYTES = 8 * 2**20
"""Rows are handed out in pieces of about this size."""


class Stitcher:
    """Weighted means of windows' logits, row by row.

    Windows come in the order of their first row, which is along the first axis
    of a volume (z) or picture (y).

    Parameters
    ----------
    classes : int
        Channels K of the logits.
    rest : tuple of int
        The whole length of each axis but the first.
    weights : Tensor, shape of a window
        Of its logits in the mean; the sums lie on their device.
    first : int
        Row at which the first window begins.
    on_disk : bool
        Whether they lie in a temporary file instead.
    """

    def __init__(
        self,
        classes: int,
        rest: tuple[int, ...],
        weights: Tensor,
        first: int = 0,
        *,
        on_disk: bool = False,
    ) -> None:
        self._first, self._rest = first, rest
        self._weights = weights[:, None]
        self._places: list[tuple[slice, ...]] = []
        shape = (len(weights), classes, *rest)
        self._sums = _on_disk(shape) if on_disk else torch.zeros(shape, device=weights.device)

    def add(self, place: tuple[slice, ...], logits: Tensor) -> None:
        """Add a window.

        Parameters
        ----------
        place : tuple of slice
            Where it lies.
        logits : Tensor, shape (K, ...)
        """
        rows = slice(place[0].start - self._first, place[0].stop - self._first)
        logits = logits.to(self._sums.device).transpose(0, 1)
        self._sums[(rows, slice(None), *place[1:])].addcmul_(logits, self._weights)
        self._places.append(place)

    def take(self, until: int) -> Iterator[Tensor]:
        """Hand out the rows ahead of `until`, to which no window will add, in order.

        Yields
        ------
        Tensor, shape (rows, K, ...)
            Mean logits of some rows.
        """
        count = until - self._first
        per_row = self._sums[0].numel() * self._sums.element_size()
        step = max(1, PIECE_BYTES // per_row)
        for start in range(0, count, step):
            stop = min(start + step, count)
            total = self._total_weight(self._first + start, self._first + stop)
            yield self._sums[start:stop] / total
        _move_up(self._sums, count)
        self._first = until
        self._places = [place for place in self._places if place[0].stop > until]

    def _total_weight(self, start: int, stop: int) -> Tensor:
        """Give the sum of weights in some rows: made when needed, as rows held for long cost."""
        total = torch.zeros((stop - start, 1, *self._rest), device=self._sums.device)
        for rows, *others in self._places:
            first, last = max(start, rows.start), min(stop, rows.stop)
            if first < last:
                part = total[(slice(first - start, last - start), slice(None), *others)]
                part += self._weights[first - rows.start : last - rows.start]
        return total


def _move_up(rows: Tensor, count: int) -> None:
    """Move all but the first rows to the front, without a copy of them all; zeros follow."""
    kept = len(rows) - count
    for start in range(0, kept, count):
        stop = min(start + count, kept)
        rows[start:stop] = rows[start + count : stop + count]
    rows[kept:] = 0


def _on_disk(shape: tuple[int, ...]) -> Tensor:
    """Make zeros in a file that goes when they do."""
    try:
        with tempfile.TemporaryFile(prefix="mambaseg-sums-") as file:
            reserve(file.fileno(), math.prod(shape) * 4)
            return torch.from_numpy(np.memmap(file, np.float32, "r+", shape=shape))
    except OSError as error:
        if error.errno == errno.ENOMEM:  # the mapping found no room, not the file
            raise MemoryError(str(error)) from error
        raise OutputError(
            f"Cannot keep the sums of windows in the temporary folder {tempfile.gettempdir()}: "
            f"{error.strerror or error}. Make room there, or set TMPDIR to another folder."
        ) from error
