"""VMamba's encoder, whose published weights VM-UNetV2 and LoG-VMamba start from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn

from mambaseg.networks.blocks.borders import extend_to_multiple
from mambaseg.networks.blocks.checkpointing import run_block
from mambaseg.networks.blocks.patches import PatchEmbedding, PatchMerging
from mambaseg.networks.blocks.ss2d import SS2D
from mambaseg.networks.blocks.vss_block import VSSBlock

__all__ = ["StageMaps", "VMambaEncoder"]


class StageMaps(NamedTuple):
    """Maps at each stage, finest first, each (B, h, w, width).

    Attributes
    ----------
    entering : list of Tensor
        What each stage is given.
    leaving : list of Tensor
        What each stage that was run gives, ahead of the merging.
    """

    entering: list[Tensor]
    leaving: list[Tensor]


class VMambaEncoder(nn.Module):
    """Patch embedding, then stages of VSS blocks with a patch merging between them.

    Liu et al. 2024, arXiv 2401.10166, section 4.1 (its first version). Sides that are
    odd at a merging are rounded up: the last row or column is repeated there.

    Parameters
    ----------
    in_channels : int
        Channels of the image.
    widths : sequence of int
        Channels of the stages.
    drop_paths : sequence of sequence of float
        For each stage the rates of stochastic depth of its blocks, which also says how
        many blocks there are; a stage without blocks passes its map on.
    checkpointing : bool
        See `run_block`.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        drop_paths: Sequence[Sequence[float]],
        *,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        self.patch_embedding = PatchEmbedding(in_channels, widths[0])
        self.stages = nn.ModuleList(
            nn.ModuleList(VSSBlock(width, SS2D(width), drop_path=rate) for rate in rates)
            for width, rates in zip(widths, drop_paths, strict=True)
        )
        self.merges = nn.ModuleList(PatchMerging(*pair) for pair in pairwise(widths))

    def reset_linear_layers(self) -> None:
        """Draw the linear layers from N(0, 0.02) truncated at +-2, as VMamba's authors do.

        The state spaces keep Mamba's own start, the convolutions PyTorch's.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)

    def forward(self, x: Tensor, *, run_last: bool = True) -> StageMaps:
        """Encode images.

        Parameters
        ----------
        x : Tensor, shape (B, in_channels, H, W)
        run_last : bool
            Whether the last stage is run, or only what enters it is wanted.
        """
        maps = StageMaps([], [])
        x = self.patch_embedding(x)
        for blocks, merge in zip(self.stages, [*self.merges, None], strict=True):
            maps.entering.append(x)
            if merge is None and not run_last:
                break
            for block in blocks.children():
                x = run_block(block, x, checkpointing=self.checkpointing)
            maps.leaving.append(x)
            if merge is not None:
                x = merge(extend_to_multiple(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1))
        return maps
