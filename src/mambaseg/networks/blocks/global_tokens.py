"""Global tokens: each a summary of one channel over the whole image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["GlobalTokens", "area_weights"]


class _Window(NamedTuple):
    """A strided convolution's window; padding keeps ceil(side / stride) positions."""

    kernel: int
    dilation: int = 1

    @property
    def padding(self) -> int:
        return self.dilation * (self.kernel // 2)


# The authors' 2D network grows the window with the stride, the 3D one spreads its taps.
_WINDOWS = {
    2: {1: _Window(1), 2: _Window(3), 4: _Window(5)},
    3: {1: _Window(1), 2: _Window(3), 4: _Window(3, 2)},
}


class GlobalTokens(nn.Module):
    """Global token extractor (GTX): a strided convolution, then a linear layer over positions.

    LoG-VMamba (arXiv 2408.14415), section 3.2. Each of M = width / squeeze groups of channels
    becomes one token. The linear layer has a weight for each position of the grid for which it
    is built.

    Parameters
    ----------
    width : int
        Channels of the local tokens, S, and of the global ones.
    grid : sequence of int
        Sides of the token grid, 2 or 3 of them, for which it is built.
    stride : {1, 2, 4}
        By how much the convolution shrinks the grid's sides.
    squeeze : int
        Channels per global token.
    resample : bool
        Whether other grids are taken, with the weights of the positions resampled to them
        (see `area_weights`). Otherwise only such with as many positions.
    """

    def __init__(
        self, width: int, grid: Sequence[int], *, stride: int, squeeze: int, resample: bool = False
    ) -> None:
        super().__init__()
        if squeeze < 1 or width % squeeze:
            raise ValueError(f"squeeze must divide the {width} channels of a token; got {squeeze}.")
        window = _WINDOWS[len(grid)][stride]
        conv = nn.Conv2d if len(grid) == 2 else nn.Conv3d
        self.grid = tuple(-(-side // stride) for side in grid)
        self.resample = resample
        self.conv = conv(
            width,
            width // squeeze,
            window.kernel,
            stride,
            window.padding,
            window.dilation,
            groups=width // squeeze,
        )
        self.proj = nn.Linear(math.prod(self.grid), width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Summarise local tokens.

        Parameters
        ----------
        tokens : Tensor, shape (B, ..., S)
            On the grid.

        Returns
        -------
        Tensor, shape (B, M, S)
        """
        x = self.conv(tokens.movedim(-1, 1))
        grid = x.shape[2:]
        if self.resample and grid != self.grid:
            return F.silu(F.linear(x.flatten(2), self._weight_for(grid), self.proj.bias))
        return F.silu(self.proj(x.flatten(2)))

    def _weight_for(self, grid: Sequence[int]) -> Tensor:
        weight = self.proj.weight.unflatten(1, self.grid)
        for old, new in zip(self.grid, grid, strict=True):
            # The axis in front is the next to go; its successor joins at the end.
            weight = torch.tensordot(weight, area_weights(old, new, weight), ([1], [0]))
        return weight.flatten(1)


def area_weights(old: int, new: int, like: Tensor) -> Tensor:
    """Weights (old, new) by which means over `old` cells are taken from `new` cells.

    Both divide the same line into equal cells; entry (i, j) is the part of the old cell i that
    the new cell j covers. Rows sum to 1: a layer over positions resampled so answers to a constant
    map as before, and to a map enlarged by a whole factor as to the original. Made on the device
    of `like`, in its dtype: a copy from the host would keep a GPU waiting.
    """
    # In units of 1 / (old * new) all edges are whole numbers.
    edges = torch.arange(old + 1, device=like.device)[:, None] * new
    others = torch.arange(new + 1, device=like.device)[None] * old
    covered = torch.minimum(edges[1:], others[:, 1:]) - torch.maximum(edges[:-1], others[:, :-1])
    return covered.clamp(min=0).to(like.dtype) / new
