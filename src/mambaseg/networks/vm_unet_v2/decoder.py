"""VM-UNetV2's decoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.sdi import SDI

__all__ = ["SDIDecoder"]


class SDIDecoder(nn.Module):
    """Fuse all scales at each scale, then go up from the coarsest, adding them.

    VM-UNetV2 sections 2.2 and 2.3.

    Parameters
    ----------
    width : int
        Channels of all maps.
    out_channels : int
        Channels of the logits.
    scales : int
        Number of maps, each of half the sides of the one before, rounded up.
    deep_supervision : bool
        Whether the second finest scale's logits are added to the finest's.
    """

    def __init__(
        self, width: int, out_channels: int, scales: int = 4, *, deep_supervision: bool
    ) -> None:
        super().__init__()
        self.fusions = nn.ModuleList(SDI(width, scales) for _ in range(scales))
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1, bias=False)
            for _ in range(scales - 1)
        )
        self.head = nn.Conv2d(width, out_channels, 1)
        self.coarse_head = nn.Conv2d(width, out_channels, 1) if deep_supervision else None
        # Each class by itself: for one class, the authors' layer.
        self.coarse_up = (
            nn.ConvTranspose2d(
                out_channels, out_channels, 3, 2, padding=1, output_padding=1, groups=out_channels
            )
            if deep_supervision
            else None
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits at four times the finest map's size.

        Parameters
        ----------
        maps : sequence of Tensor, shape (B, width, h_i, w_i)
            Finest first.

        Returns
        -------
        Tensor, shape (B, out_channels, 4 h_0, 4 w_0)
        """
        y = self.fusions[-1](maps, len(maps) - 1)
        coarser = y
        for i in reversed(range(len(maps) - 1)):
            coarser = y
            # A side that was odd had been rounded up.
            y = _cropped(self.ups[i](y), maps[i].shape[-2:]) + self.fusions[i](maps, i)
        logits = _four_times(self.head(y))
        if self.coarse_head is None or self.coarse_up is None:
            return logits
        coarse = self.coarse_up(_four_times(self.coarse_head(coarser)))
        return logits + _cropped(coarse, logits.shape[-2:])


def _four_times(logits: Tensor) -> Tensor:
    return F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)


def _cropped(x: Tensor, size: Sequence[int]) -> Tensor:
    return x[..., : size[0], : size[1]]
