"""The visual state-space block of VMamba."""

from __future__ import annotations

from torch import Tensor, nn

from mambaseg.networks.blocks.drop_path import DropPath

__all__ = ["VSSBlock"]


class VSSBlock(nn.Module):
    """A mixer of pixels after a layer norm, added to its input; there is no feed-forward half.

    Liu et al. 2024, arXiv 2401.10166, section 4.1.

    Parameters
    ----------
    dim : int
        Channels C.
    mixer : Module
        Takes and gives (B, ..., C): SS2D, or one with local and global tokens.
    drop_path : float
        Rate of stochastic depth.
    norm_eps : float
        The layer norm's epsilon.
    """

    def __init__(
        self, dim: int, mixer: nn.Module, *, drop_path: float = 0.0, norm_eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=norm_eps)
        self.mixer = mixer
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Transform x, shape (B, ..., C)."""
        return x + self.drop_path(self.mixer(self.norm(x)))
