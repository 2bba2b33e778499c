"""Vivim's Temporal Mamba block: mixing over all frames of a clip."""

from __future__ import annotations

from torch import Tensor, nn

from mambaseg.networks.blocks.bimamba import BiMamba
from mambaseg.networks.vivim.mix_transformer import MixFeedForward

__all__ = ["TemporalMambaBlock"]


class TemporalMambaBlock(nn.Module):
    """Mamba over the clip's tokens, then the detail-specific feed-forward (section 2.1, eq. 1).

    Parameters
    ----------
    dim : int
        Channels C.
    mlp_ratio : int
        Hidden width of the feed-forward over `dim`.
    """

    def __init__(self, dim: int, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.mamba = BiMamba(dim, average=True)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MixFeedForward(dim, mlp_ratio * dim, nn.Conv3d)

    def forward(self, x: Tensor, size: tuple[int, int, int], scan_chunks: int | None) -> Tensor:
        """Mix the tokens of a clip.

        Parameters
        ----------
        x : Tensor, shape (B, T * h * w, C)
            Tokens in the order frame, row, column.
        size : tuple of int
            (T, h, w).
        scan_chunks : int or None
            Chunks that the third direction interleaves; None for one per frame.
        """
        x = x + self.mamba(self.norm1(x), scan_chunks or size[0])
        return x + self.mlp(self.norm2(x), size)
