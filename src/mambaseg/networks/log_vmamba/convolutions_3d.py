"""The 3D network's convolutional parts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.instance_norm import instance_norm
from mambaseg.networks.blocks.pointwise import PointwiseConv3d

__all__ = ["ResidualBlock", "Upsampling", "residual_blocks"]


class ResidualBlock(nn.Module):
    """Two convolutions with instance norms, added to the input; leaky rectifiers.

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int
        Of the first convolution. A side that it does not divide is rounded up.
    shortcut : bool
        Whether the input goes through a 1 x 1 x 1 convolution ahead of the sum.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int = 1, shortcut: bool = True
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, stride, padding=1)
        self.norm1 = AffineInstanceNorm(out_channels)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1)
        self.norm2 = AffineInstanceNorm(out_channels)
        self.stride = stride
        self.shortcut = PointwiseConv3d(in_channels, out_channels) if shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        """Transform x, shape (B, C, D, H, W)."""
        y = F.leaky_relu_(self.norm1(self.conv1(x)), 0.01)
        y = self.norm2(self.conv2(y))
        if self.shortcut is not None:
            x = self.shortcut(x[..., :: self.stride, :: self.stride, :: self.stride])
        return F.leaky_relu_(y.add_(x), 0.01)


class AffineInstanceNorm(nn.Module):
    """Instance norm with learned scale and shift, of a map that nobody else needs."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (B, C, ...), whose memory the result may take."""
        return instance_norm(x, self.weight, self.bias, overwrite=True)


def residual_blocks(
    in_channels: int, out_channels: int, depth: int, *, stride: int = 1
) -> nn.Sequential:
    """Give `depth` blocks, of which only the first has a convolution in its shortcut."""
    first = ResidualBlock(in_channels, out_channels, stride=stride)
    rest = (ResidualBlock(out_channels, out_channels, shortcut=False) for _ in range(depth - 1))
    return nn.Sequential(first, *rest)


class Upsampling(nn.Module):
    """Another number of channels at twice the size, by trilinear interpolation.

    Parameters
    ----------
    in_channels, out_channels : int
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = PointwiseConv3d(in_channels, out_channels)

    def forward(self, x: Tensor, size: tuple[int, ...]) -> Tensor:
        """Enlarge x (B, C, D, H, W) twofold, and cut it to `size` where that is odd."""
        # A convolution of single voxels commutes with the interpolation, whose weights sum to
        # one, and has an eighth of the voxels here.
        x = self.conv(x)
        x = F.interpolate(x, scale_factor=2.0, mode="trilinear", align_corners=False)
        return x[..., : size[0], : size[1], : size[2]]
