"""Probabilities brought from the network's grid to the image's own, a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.inference.classes import labels_from_probabilities
from mambaseg.types.recipe import Recipe

__all__ = ["Homing", "labels_at_size"]

PIECE_BYTES = 64 * 2**20
"""Probabilities at the image's own size are held in pieces of about this size."""


def labels_at_size(
    probabilities: Tensor, size: tuple[int, ...], recipe: Recipe
) -> NDArray[np.uint8]:
    """Bring probabilities of frames or slices to a size, and decide on classes.

    Parameters
    ----------
    probabilities : Tensor, shape (N, K, y, x)
    size : (int, int)
        (Y, X).
    recipe : Recipe

    Returns
    -------
    ndarray, shape (N, Y, X), uint8
    """
    if tuple(probabilities.shape[2:]) == tuple(size):
        return labels_from_probabilities(probabilities, recipe)
    step = max(1, PIECE_BYTES // (4 * probabilities.shape[1] * size[0] * size[1]))
    pieces = [
        labels_from_probabilities(
            F.interpolate(piece, size, mode="bilinear", align_corners=False), recipe
        )
        for piece in probabilities.split(step)
    ]
    return np.concatenate(pieces)


class Homing:
    """Linear resampling of a volume's probabilities while its rows come in.

    Parameters
    ----------
    rows : int
        Rows along z on the network's grid.
    shape : (int, int, int)
        (Z, Y, X) to bring them to.
    recipe : Recipe
    first : int
        The first of the Z that is wanted.
    tell : callable, optional
        Is given each of the Z, and the probabilities (n, K, y, x) from there on.
    """

    def __init__(
        self,
        rows: int,
        shape: tuple[int, ...],
        recipe: Recipe,
        first: int = 0,
        tell: Callable[[int, Tensor], None] | None = None,
    ) -> None:
        self._rows, self._shape, self._recipe = rows, shape, recipe
        self._tell = tell
        # Where each slice lies among the rows, centres of the outermost voxels clamped.
        scale = rows / shape[0]
        self._at = [min(max((z + 0.5) * scale - 0.5, 0.0), rows - 1.0) for z in range(shape[0])]
        self._next = first
        self._held: Tensor | None = None
        self._held_from = 0

    @property
    def first_row(self) -> int:
        """The first row that is still needed."""
        return int(self._at[self._next]) if self._next < self._shape[0] else self._rows

    def push(self, start: int, probabilities: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Take in rows, and give the slices that lie among those known by now.

        Parameters
        ----------
        start : int
            The first of them; they follow those of the last call.
        probabilities : Tensor, shape (rows, K, y, x)

        Yields
        ------
        ndarray, shape (n, Y, X), uint8
            Class values of the next slices.
        """
        if self._held is not None:
            probabilities, start = torch.cat([self._held, probabilities]), self._held_from
        stop = start + len(probabilities)
        ready = [
            z
            for z in range(self._next, self._shape[0])
            if min(int(self._at[z]) + 1, self._rows - 1) < stop or self._at[z] == stop - 1
        ]
        step = max(1, PIECE_BYTES // (4 * probabilities[0].numel()))
        for begin in range(0, len(ready), step):
            at = torch.tensor([self._at[z] - start for z in ready[begin : begin + step]])
            slices = _between(probabilities, at)
            if self._tell is not None:
                self._tell(ready[begin], slices)
            yield labels_at_size(slices, self._shape[1:], self._recipe)
        self._next += len(ready)
        keep = min(self.first_row, stop) - start
        self._held = probabilities[keep:].clone() if keep < len(probabilities) else None
        self._held_from = start + keep


def _between(rows: Tensor, at: Tensor) -> Tensor:
    """Interpolate rows (N, ...) linearly at some places (M,) among them."""
    low = at.floor().long()
    share = (at - low).to(rows.device).view(-1, *[1] * (rows.ndim - 1))
    low = low.to(rows.device)
    if not share.any():
        return rows[low]
    high = (low + 1).clamp_(max=len(rows) - 1)
    return torch.lerp(rows[low], rows[high], share)
