"""The 2D network's encoder: VMamba."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mambaseg.networks.blocks.checkpointing import run_block
from mambaseg.networks.blocks.patches import PatchEmbedding, PatchMerging, extend_to_multiple
from mambaseg.networks.blocks.ss2d import SS2D
from mambaseg.networks.blocks.vss_block import VSSBlock

__all__ = ["VMambaEncoder"]


class VMambaEncoder(nn.Module):
    """Patch embedding, then stages of VSS blocks with patch merging between them.

    Liu et al. 2024, arXiv 2401.10166, section 4.1.

    Parameters
    ----------
    in_channels : int
    dim : int
        Channels of the first stage; each next one has twice as many.
    depths : sequence of int
        Blocks of each stage.
    expand : int
        Inner width of the blocks over their channels.
    drop_path : float
        Highest rate of stochastic depth, growing linearly over the blocks.
    checkpointing : bool
        See `run_block`.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        depths: Sequence[int],
        *,
        expand: int,
        drop_path: float,
        checkpointing: bool,
    ) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        rates = torch.linspace(0, drop_path, sum(depths)).split(list(depths))
        self.patch_embed = PatchEmbedding(in_channels, dim)
        self.stages = nn.ModuleList(
            nn.ModuleList(
                VSSBlock(dim << i, SS2D(dim << i, expand=expand), drop_path=rate)
                for rate in rates[i].tolist()
            )
            for i in range(len(depths))
        )
        self.merges = nn.ModuleList(PatchMerging(dim << i) for i in range(len(depths) - 1))
        # The authors' own, after VMamba. Convolutions are drawn again with the whole network's.
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Give the maps of all stages, channel-last, finest first.

        Sides are rounded up: an odd last row or column is repeated ahead of merging.
        """
        x = self.patch_embed(x)
        maps = []
        for i, blocks in enumerate(self.stages):
            if i:
                even = extend_to_multiple(x.movedim(-1, 1), 2).movedim(1, -1)
                x = self.merges[i - 1](even)
            for block in blocks:
                x = run_block(block, x, checkpointing=self.checkpointing)
            maps.append(x)
        return maps
