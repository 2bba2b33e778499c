"""Orders in which a sequence is scanned."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["NATURAL", "REVERSED", "Order", "column_major", "interleaved"]


class Order(NamedTuple):
    """The order in which a scan visits the tokens of a sequence.

    The sequence is cut into `chunks` equal consecutive chunks, of which the scan reads every
    first token, then every second, and so on. One chunk is the natural order. All orders that
    networks use are of this kind, so that a kernel needs no table of indices.

    Attributes
    ----------
    chunks : int
        Number of chunks; it must divide the sequence's length.
    reverse : bool
        Whether that order is taken from its end.
    """

    chunks: int = 1
    reverse: bool = False

    def rows(self, length: int, device: torch.device | None = None) -> Tensor:
        """Give the indices (L,) of the tokens in the order in which they are visited.

        Raises
        ------
        ValueError
            If `chunks` does not divide `length`.
        """
        self.check(length)
        return self.enter(torch.arange(length, device=device)[None])[0]

    def enter(self, x: Tensor) -> Tensor:
        """Bring tokens (B, L, ...) from the sequence's own order into this one."""
        x = x.unflatten(1, (self.chunks, -1)).transpose(1, 2).flatten(1, 2)
        return x.flip(1) if self.reverse else x

    def leave(self, x: Tensor) -> Tensor:
        """Bring tokens (B, L, ...) from this order into the sequence's own: undo `enter`."""
        x = x.flip(1) if self.reverse else x
        own: Tensor = x.unflatten(1, (-1, self.chunks)).transpose(1, 2).flatten(1, 2)
        return own

    def check(self, length: int) -> None:
        """Raise a ValueError if `chunks` does not divide `length`."""
        if self.chunks < 1 or length % self.chunks:
            raise ValueError(f"{length} tokens cannot be cut into {self.chunks} equal chunks.")


NATURAL = Order()
REVERSED = Order(reverse=True)


def interleaved(chunks: int, *, reverse: bool = False) -> Order:
    """Order that reads one token of every chunk in turn.

    With one chunk per frame, the same place in successive frames stands side by side: time runs
    fastest (third direction of bimamba v3).
    """
    return Order(chunks, reverse)


def column_major(height: int, *, reverse: bool = False) -> Order:
    """Order that reads an image of `height` rows, stored row by row, column by column."""
    return Order(height, reverse)
