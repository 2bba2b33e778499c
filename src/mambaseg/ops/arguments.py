"""What a scan is given, as every backend takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

__all__ = ["ScanArguments"]


class ScanArguments(NamedTuple):
    """Arguments of one scan, in all its directions, as the operators' schema orders them.

    Attributes
    ----------
    u, delta : sequence of Tensor, shape (B, L, D)
        One for each direction.
    A : Tensor, shape (K, D, N)
        For K directions.
    B, C : sequence of Tensor, shape (B, L, G, N)
        One for each direction.
    D, delta_bias : Tensor, shape (K, D), optional
    z : Tensor, shape (B, L, D), optional
        The gate of the directions' sum.
    softplus : bool
        Whether delta goes through softplus.
    chunks, backwards : sequence of int, sequence of bool
        The directions' orders (see `orders.Order`).
    """

    u: Sequence[Tensor]
    delta: Sequence[Tensor]
    A: Tensor
    B: Sequence[Tensor]
    C: Sequence[Tensor]
    D: Tensor | None
    z: Tensor | None
    delta_bias: Tensor | None
    softplus: bool
    chunks: Sequence[int]
    backwards: Sequence[bool]
