"""How VM-UNetV2 carries a stage's map to its decoder."""

from __future__ import annotations

from torch import Tensor, nn

from mambaseg.networks.blocks.attention import ChannelAttention, SpatialAttention

__all__ = ["AttentiveSkip"]


class AttentiveSkip(nn.Module):
    """Weigh channels, then places, and bring the map to the decoder's width.

    VM-UNetV2 section 2.3, equation 5.

    Parameters
    ----------
    in_channels, out_channels : int
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.channel_attention = ChannelAttention(in_channels)
        self.spatial_attention = SpatialAttention()
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Transform x (B, H, W, in_channels) to (B, out_channels, H, W)."""
        x = x.permute(0, 3, 1, 2)
        x = self.channel_attention(x) * x
        x = self.spatial_attention(x) * x
        return self.norm(self.conv(x))
