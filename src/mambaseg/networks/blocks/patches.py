"""Patches of images: embedding, merging, expanding. Maps are channel-last, (B, H, W, C)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mambaseg.networks.blocks.borders import extend_to_multiple

__all__ = ["PatchEmbedding", "PatchExpanding", "PatchMerging"]


class PatchEmbedding(nn.Module):
    """Embed patches that do not overlap, then a layer norm over channels.

    Parameters
    ----------
    in_channels, dim : int
        Channels of the image, and of a patch's token.
    patch_size : int
        Side of a patch, in pixels.
    """

    def __init__(self, in_channels: int, dim: int, patch_size: int = 4) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.proj = nn.Conv2d(in_channels, dim, patch_size, patch_size)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Embed x (B, C, H, W) as (B, ceil(H / patch), ceil(W / patch), dim).

        Patches over the border see the image's last row and column repeated.
        """
        x = self.proj(extend_to_multiple(x, self.patch_size))
        return self.norm(x.permute(0, 2, 3, 1))


class PatchMerging(nn.Module):
    """Halve both sides: 2 x 2 neighbours in one token.

    Liu et al. 2021, arXiv 2103.14030, section 3.1.

    Parameters
    ----------
    dim, out_dim : int
        Channels of the input, and of the result; the papers double them.
    """

    def __init__(self, dim: int, out_dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, out_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Merge x (B, H, W, dim) to (B, H // 2, W // 2, out_dim).

        An odd last row or column is left out; to keep it, extend x by `extend_to_multiple` first.
        """
        height, width = (side - side % 2 for side in x.shape[1:3])
        corners = [x[:, i:height:2, j:width:2] for j in (0, 1) for i in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))


class PatchExpanding(nn.Module):
    """Enlarge both sides: each token becomes a square of tokens with fewer channels.

    Parameters
    ----------
    dim, out_dim : int
        Channels of the input, and of the result.
    factor : int
        By how much the sides grow.
    """

    def __init__(self, dim: int, out_dim: int, factor: int = 2) -> None:
        super().__init__()
        self.factor = factor
        self.expand = nn.Linear(dim, factor * factor * out_dim, bias=False)
        self.norm = nn.LayerNorm(out_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Expand x (B, H, W, dim) to (B, factor * H, factor * W, out_dim)."""
        squares = self.expand(x).unflatten(-1, (self.factor, self.factor, -1))
        # (B, H, W, row in the square, column in the square, out_dim)
        return self.norm(squares.transpose(2, 3).flatten(3, 4).flatten(1, 2))
