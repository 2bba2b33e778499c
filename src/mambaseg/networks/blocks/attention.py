"""Attention over channels and over places (CBAM). Maps are channel-first, (B, C, H, W).

Woo et al. 2018, arXiv 1807.06521, section 3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ChannelAttention", "SpatialAttention"]


class ChannelAttention(nn.Module):
    """Weigh channels by their mean and their largest value over the map.

    Parameters
    ----------
    channels : int
    reduction : int
        By how much the hidden layer is narrower.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Weights from 0 to 1, shape (B, C, 1, 1), for x, shape (B, C, H, W)."""
        pooled = (x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))
        mean, largest = (self.fc2(F.relu(self.fc1(vector))) for vector in pooled)
        return torch.sigmoid(mean + largest)


class SpatialAttention(nn.Module):
    """Weigh places by the mean and the largest value over their channels.

    Parameters
    ----------
    window : int
        Side of the convolution's window.
    """

    def __init__(self, window: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, window, padding=window // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Weights from 0 to 1, shape (B, 1, H, W), for x, shape (B, C, H, W)."""
        pooled = (x.mean(1, keepdim=True), x.amax(1, keepdim=True))
        return torch.sigmoid(self.conv(torch.cat(pooled, dim=1)))
