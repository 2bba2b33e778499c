"""Orders in which a sequence can be scanned, as index permutations."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["interleaved", "invert", "reversed_order"]


def reversed_order(length: int, device: torch.device | None = None) -> Tensor:
    """Give the indices (L,) that read a sequence from its end."""
    return torch.arange(length - 1, -1, -1, device=device)


def interleaved(length: int, n_chunks: int, device: torch.device | None = None) -> Tensor:
    """Give the indices (L,) that read every chunk's first token, then every second, and so on.

    With one chunk per frame, the same place in successive frames stands side by
    side: time runs fastest (third direction of bimamba v3).

    Raises
    ------
    ValueError
        If `n_chunks` does not divide `length`.
    """
    if length % n_chunks:
        raise ValueError(f"{length} tokens cannot be cut into {n_chunks} equal chunks.")
    return torch.arange(length, device=device).view(n_chunks, -1).t().reshape(-1)


def invert(order: Tensor) -> Tensor:
    """Give the indices (L,) that undo `order`."""
    inverse = torch.empty_like(order)
    inverse[order] = torch.arange(order.numel(), device=order.device)
    return inverse
