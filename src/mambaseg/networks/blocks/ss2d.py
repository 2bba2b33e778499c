"""Mamba over images: the 2D selective scan (SS2D)."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.state_spaces import StateSpaces
from mambaseg.ops import NATURAL, REVERSED, Order, column_major

__all__ = ["SS2D", "image_orders"]


def image_orders(height: int, directions: int) -> list[Order]:
    """Orders in which an image of `height` rows is read.

    Parameters
    ----------
    height : int
        Rows of the image, whose tokens are stored row by row.
    directions : {1, 2, 4}
        1: row by row; 2: also column by column; 4: also both of them from the end.

    Raises
    ------
    ValueError
        If there is no such number of directions.
    """
    if directions not in (1, 2, 4):
        raise ValueError(f"scan_directions must be 1, 2 or 4; got {directions}.")
    orders = [NATURAL, column_major(height), REVERSED, column_major(height, reverse=True)]
    return orders[:directions]


class SS2D(nn.Module):
    """2D selective scan of VMamba (Liu et al. 2024, arXiv 2401.10166, section 4.2).

    A depthwise convolution, then state spaces that read the image in several
    directions and are summed, a layer norm, and a gate from the input.

    Parameters
    ----------
    dim : int
        Channels C.
    scan_directions : {1, 2, 4}
        See `image_orders`.
    state_size, conv_size, expand : int
        States per channel, side of the convolution's window, and inner width over `dim`.
    """

    def __init__(
        self,
        dim: int,
        *,
        scan_directions: int = 4,
        state_size: int = 16,
        conv_size: int = 3,
        expand: int = 2,
    ) -> None:
        super().__init__()
        image_orders(1, scan_directions)
        width = expand * dim
        self.scan_directions = scan_directions
        self.in_proj = nn.Linear(dim, 2 * width, bias=False)
        self.conv = nn.Conv2d(width, width, conv_size, padding=conv_size // 2, groups=width)
        self.scan = StateSpaces(width, math.ceil(dim / 16), scan_directions, state_size=state_size)
        self.out_norm = nn.LayerNorm(width)
        self.out_proj = nn.Linear(width, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the pixels of x, shape (B, H, W, C)."""
        height, width = x.shape[1:3]
        # Two products of half the weight each: both results lie in memory without gaps.
        to_scan, to_gate = self.in_proj.weight.chunk(2)
        pixels = self.conv(F.linear(x, to_scan).permute(0, 3, 1, 2))
        tokens = F.silu(pixels).permute(0, 2, 3, 1).flatten(1, 2)
        y = self.scan(tokens, image_orders(height, self.scan_directions))
        y = self.out_norm(y.unflatten(1, (height, width)))
        return self.out_proj(y * F.silu(F.linear(x, to_gate)))
