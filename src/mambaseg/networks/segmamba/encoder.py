"""SegMamba's encoder: gated convolutions and Mamba at four scales."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.bimamba import BiMamba
from mambaseg.networks.blocks.borders import extend_to_multiple
from mambaseg.networks.blocks.checkpointing import run_block
from mambaseg.networks.blocks.gsc import GatedSpatialConv
from mambaseg.networks.blocks.pointwise import PointwiseConv3d

__all__ = ["Downsampling", "EncoderStage", "MambaLayer", "SkipMLP"]


class MambaLayer(nn.Module):
    """Mamba over all voxels of a volume, in three directions, added to its input.

    Parameters
    ----------
    dim : int
        Channels C.
    n_chunks : int
        Chunks of the voxels that the third direction interleaves, where their number can be
        cut so; else there is one per slice.
    """

    def __init__(self, dim: int, n_chunks: int) -> None:
        super().__init__()
        self.n_chunks = n_chunks
        self.norm = nn.LayerNorm(dim)
        self.mamba = BiMamba(dim, average=False)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the voxels of x (B, C, D, H, W)."""
        size = x.shape[2:]
        tokens = x.flatten(2).transpose(1, 2)  # no copy if channels are last
        divides = size.numel() % self.n_chunks == 0
        tokens = tokens + self.mamba(self.norm(tokens), self.n_chunks if divides else size[0])
        return tokens.transpose(1, 2).unflatten(2, size)


class EncoderStage(nn.Module):
    """One gated spatial convolution, then Mamba layers.

    Parameters
    ----------
    dim, depth : int
        Channels, and number of Mamba layers.
    n_chunks : int
        See `MambaLayer`.
    checkpointing : bool
        Whether training keeps only each layer's input.
    """

    def __init__(self, dim: int, depth: int, n_chunks: int, *, checkpointing: bool) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        self.gsc = GatedSpatialConv(dim)
        self.layers = nn.ModuleList(MambaLayer(dim, n_chunks) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """Encode x (B, C, D, H, W)."""
        x = run_block(self.gsc, x, checkpointing=self.checkpointing)
        for layer in self.layers:
            x = run_block(layer, x, checkpointing=self.checkpointing)
        return x


class Downsampling(nn.Module):
    """Halve a normalised feature by a convolution of 2 x 2 x 2 voxels with stride 2.

    An odd side is rounded up: its last voxels are repeated, after the norm, whose statistics
    they do not touch.

    Parameters
    ----------
    in_channels, out_channels : int
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, in_channels, D, H, W) to (B, out_channels, D / 2, H / 2, W / 2)."""
        return self.conv(extend_to_multiple(x, 2))


class SkipMLP(nn.Module):
    """Two linear layers for every voxel of a normalised feature, on the way to the decoder.

    Parameters
    ----------
    dim : int
        Channels C.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = PointwiseConv3d(dim, 2 * dim)
        self.fc2 = PointwiseConv3d(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Transform x (B, C, D, H, W)."""
        return self.fc2(F.gelu(self.fc1(x)))
