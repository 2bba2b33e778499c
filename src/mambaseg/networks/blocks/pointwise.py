"""Convolution of one voxel."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PointwiseConv3d"]


class PointwiseConv3d(nn.Conv3d):
    """1 x 1 x 1 convolution as the product of matrices that it is.

    In the channels-last layout nothing is copied, and on a CPU it is several times faster than
    torch's convolution.

    Parameters
    ----------
    in_channels, out_channels : int
    bias : bool
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, in_channels, D, H, W) to (B, out_channels, D, H, W), channels last."""
        return F.linear(x.movedim(1, -1), self.weight.flatten(1), self.bias).movedim(-1, 1)
