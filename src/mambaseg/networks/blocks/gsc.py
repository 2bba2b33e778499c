"""SegMamba's gated spatial convolution."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.instance_norm import instance_norm
from mambaseg.networks.blocks.pointwise import PointwiseConv3d

__all__ = ["GatedSpatialConv"]


class GatedSpatialConv(nn.Module):
    """Two paths of convolutions, joined and added to the input (SegMamba, section 2.1).

    The paper's equation multiplies the paths and ends with a 3 x 3 x 3 convolution; the
    authors' code, and so their weights and this module, add the paths and end with a
    1 x 1 x 1 one.

    Parameters
    ----------
    dim : int
        Channels C.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(dim, dim, 3, padding=1)
        self.conv2 = nn.Conv3d(dim, dim, 3, padding=1)
        self.gate = PointwiseConv3d(dim, dim)
        self.fuse = PointwiseConv3d(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Filter x (B, C, D, H, W)."""

        def normalised(y: Tensor) -> Tensor:
            return F.relu_(instance_norm(y, overwrite=True))

        y = normalised(self.conv2(normalised(self.conv1(x))))
        return x + normalised(self.fuse(y + normalised(self.gate(x))))
