"""Local tokens: each with its neighbours beside it along the channels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["WINDOW", "with_neighbours"]

WINDOW = 3
"""Side of a token's neighbourhood."""


def with_neighbours(x: Tensor) -> Tensor:
    """Give every token the features of its neighbourhood (LTX).

    LoG-VMamba (arXiv 2408.14415), section 3.2: so neighbours in space stay neighbours in the
    sequence, in whatever order it is scanned.

    Parameters
    ----------
    x : Tensor, shape (B, C, ...)
        Features on a grid of 2 or 3 axes.

    Returns
    -------
    Tensor, shape (B, ..., C * 3^axes)
        Channel c of the neighbour t, in raster order, stands at c * 3^axes + t; zero beyond the
        border.
    """
    axes = x.ndim - 2
    tokens = F.pad(x.movedim(1, -1), (0, 0) + (WINDOW // 2,) * (2 * axes))
    for axis in range(1, axes + 1):
        tokens = tokens.unfold(axis, WINDOW, 1)
    return tokens.flatten(-axes - 1)
