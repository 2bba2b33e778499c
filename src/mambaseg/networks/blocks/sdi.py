"""Semantics and detail infusion (SDI): all scales brought to one, and multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SDI"]


class SDI(nn.Module):
    """Fuse the maps of all scales at the size of one of them.

    Peng et al. 2023 (U-Net v2), arXiv 2311.17791, section 2.2; VM-UNetV2 section 2.3.

    Parameters
    ----------
    channels : int
        Channels of every map.
    scales : int
        Number of maps.
    """

    def __init__(self, channels: int, scales: int = 4) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in range(scales)
        )

    def forward(self, maps: Sequence[Tensor], anchor: int) -> Tensor:
        """Fuse maps at the size of `maps[anchor]`.

        Parameters
        ----------
        maps : sequence of Tensor, shape (B, C, h_i, w_i)
            Finest first.
        anchor : int

        Returns
        -------
        Tensor, shape (B, C, h_anchor, w_anchor)
        """
        height, width = maps[anchor].shape[-2:]
        refined = [
            conv(_resized(x, (height, width))) for conv, x in zip(self.convs, maps, strict=True)
        ]
        return reduce(torch.mul, refined)


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    if x.shape[-2:] == size:
        return x
    if x.shape[-2] > size[0] or x.shape[-1] > size[1]:
        return F.adaptive_avg_pool2d(x, size)
    # With corners aligned, unlike all else: so the published weights were trained.
    return F.interpolate(x, size, mode="bilinear", align_corners=True)
