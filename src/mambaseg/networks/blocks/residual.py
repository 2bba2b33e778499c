"""UNETR's residual blocks (Hatamizadeh et al. 2022, arXiv 2103.10504), as MONAI builds them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.instance_norm import instance_norm
from mambaseg.networks.blocks.pointwise import PointwiseConv3d

__all__ = ["ResidualBlock", "UpBlock"]

_SLOPE = 0.01


class ResidualBlock(nn.Module):
    """Two 3 x 3 x 3 convolutions with instance norm and leaky ReLU, beside a shortcut.

    Parameters
    ----------
    in_channels, out_channels : int
        Where they differ, the shortcut is a 1 x 1 x 1 convolution with instance norm.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1, bias=False)
        self.shortcut = (
            None
            if in_channels == out_channels
            else PointwiseConv3d(in_channels, out_channels, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, in_channels, D, H, W) to (B, out_channels, D, H, W)."""
        y = F.leaky_relu_(instance_norm(self.conv1(x), overwrite=True), _SLOPE)
        y = instance_norm(self.conv2(y), overwrite=True)
        if self.shortcut is not None:
            x = instance_norm(self.shortcut(x), overwrite=True)
        return F.leaky_relu_(y.add_(x), _SLOPE)


class UpBlock(nn.Module):
    """Double the size, put the skip beside it, and run a residual block.

    Parameters
    ----------
    in_channels, out_channels : int
        Of the coarse feature, and of the skip and the result.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose3d(in_channels, out_channels, 2, 2, bias=False)
        self.block = ResidualBlock(2 * out_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Join two scales.

        Parameters
        ----------
        x : Tensor, shape (B, in_channels, d, h, w)
            Half of the skip's sizes, rounded up.
        skip : Tensor, shape (B, out_channels, D, H, W)

        Returns
        -------
        Tensor, shape (B, out_channels, D, H, W)
        """
        depth, height, width = skip.shape[2:]
        up = self.up(x)[..., :depth, :height, :width]
        return self.block(torch.cat([up, skip], dim=1))
