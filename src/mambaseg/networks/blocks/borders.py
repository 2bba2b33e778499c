"""Sides that a stride does not divide: rounded up by repeating what stands at the border."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["extend_to_multiple"]


def extend_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row, column and slice of x (B, C, ...) until all sides are multiples.

    Sides that are multiples already leave x as it is.
    """
    added = [-side % multiple for side in x.shape[2:]]
    if not any(added):
        return x
    ends = [end for length in reversed(added) for end in (0, length)]
    return F.pad(x, ends, mode="replicate")
