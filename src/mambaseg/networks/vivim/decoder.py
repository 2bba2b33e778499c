"""SegFormer's all-MLP decoder, as Vivim uses it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["AllMLPDecoder"]


class AllMLPDecoder(nn.Module):
    """Bring four feature maps to one width and one size, fuse them, and classify.

    Vivim section 2.2; Xie et al. 2021, arXiv 2105.15203, section 3.2.

    Parameters
    ----------
    in_widths : sequence of int
        Channels of the feature maps, finest first.
    width : int
        Common number of channels.
    out_channels : int
        Channels of the logits.
    dropout : float
        Dropout ahead of the classifier.
    """

    def __init__(
        self, in_widths: Sequence[int], width: int, out_channels: int, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.projections = nn.ModuleList(nn.Linear(channels, width) for channels in in_widths)
        self.fuse = nn.Conv2d(len(in_widths) * width, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Conv2d(width, out_channels, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits at the finest map's size.

        Parameters
        ----------
        features : sequence of Tensor, shape (B, C_i, h_i, w_i)
            Finest first.

        Returns
        -------
        Tensor, shape (B, out_channels, h_0, w_0)
        """
        size = features[0].shape[-2:]
        maps = []
        for feature, projection in zip(features, self.projections, strict=True):
            projected = projection(feature.movedim(1, -1)).movedim(-1, 1)
            maps.append(F.interpolate(projected, size, mode="bilinear", align_corners=False))
        # Deepest first: the order in which the published weights of `fuse` expect them.
        fused = F.relu(self.norm(self.fuse(torch.cat(maps[::-1], dim=1))))
        return self.head(self.dropout(fused))
