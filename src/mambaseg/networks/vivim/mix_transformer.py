"""The Mix Transformer (MiT) of SegFormer: Vivim's encoder within a frame.

Xie et al. 2021, arXiv 2105.15203, section 3.1.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.drop_path import DropPath

__all__ = ["EfficientAttention", "MixFeedForward", "OverlapPatchEmbed", "TransformerBlock"]


class OverlapPatchEmbed(nn.Module):
    """Strided convolution with overlapping windows, then a layer norm over channels."""

    def __init__(self, in_channels: int, dim: int, patch_size: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, dim, patch_size, stride, padding=patch_size // 2)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Embed x (B, C, H, W) as tokens (B, h * w, dim), and give (h, w)."""
        x = self.proj(x)
        height, width = x.shape[-2:]
        return self.norm(x.flatten(2).transpose(1, 2)), (height, width)


class EfficientAttention(nn.Module):
    """Self-attention whose keys and values come from a map shrunk by `reduction`."""

    def __init__(self, dim: int, num_heads: int, reduction: int) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"width {dim} cannot be split over {num_heads} heads.")
        self.num_heads = num_heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.reduce = nn.Conv2d(dim, dim, reduction, reduction) if reduction > 1 else None
        self.reduce_norm = nn.LayerNorm(dim) if reduction > 1 else None
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Attend within each frame: x (B, h * w, C) with size (h, w)."""
        context = x
        if self.reduce is not None and self.reduce_norm is not None:
            pixels = self.reduce(x.transpose(1, 2).unflatten(2, size))
            context = self.reduce_norm(pixels.flatten(2).transpose(1, 2))
        query, key, value = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for part in (self.query(x), self.key(context), self.value(context))
        )
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.proj(attended.transpose(1, 2).flatten(2))


class MixFeedForward(nn.Module):
    """Two linear layers with a depthwise convolution over the token grid between them.

    Parameters
    ----------
    dim, hidden_dim : int
        Channels outside and inside.
    conv : type of nn.Conv2d or nn.Conv3d
        Convolution over the grid: (h, w) of a frame, or (T, h, w) of a clip.
    """

    def __init__(
        self, dim: int, hidden_dim: int, conv: type[nn.Conv2d] | type[nn.Conv3d] = nn.Conv2d
    ) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.dwconv = conv(hidden_dim, hidden_dim, 3, padding=1, groups=hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor, size: tuple[int, ...]) -> Tensor:
        """Transform tokens x (B, prod(size), C) on the grid `size`."""
        grid = self.fc1(x).transpose(1, 2).unflatten(2, size)
        x = F.gelu(self.dwconv(grid)).flatten(2).transpose(1, 2)
        return self.fc2(x)


class TransformerBlock(nn.Module):
    """Attention and feed-forward, each after a layer norm and added to its input."""

    def __init__(
        self, dim: int, num_heads: int, reduction: int, mlp_ratio: int = 4, drop_path: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = EfficientAttention(dim, num_heads, reduction)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MixFeedForward(dim, mlp_ratio * dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Transform tokens x (B, h * w, C) of frames of size (h, w)."""
        x = x + self.drop_path(self.attn(self.norm1(x), size))
        return x + self.drop_path(self.mlp(self.norm2(x), size))
