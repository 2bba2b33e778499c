"""The 2D network's decoder, which is where its local and global tokens are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.checkpointing import run_block
from mambaseg.networks.blocks.drop_path import growing_rates
from mambaseg.networks.blocks.local_global_scan import LocalGlobalScan, TokenOptions
from mambaseg.networks.blocks.patches import PatchExpanding
from mambaseg.networks.blocks.ss2d import SS2D
from mambaseg.networks.blocks.vss_block import VSSBlock

__all__ = ["ExpandingHead", "LoGDecoder"]

_STRIDES = (2, 2, 4)
_DEPTH = 2


class DecoderStage(nn.Module):
    """Expand the deeper map, join the encoder's, and mix tokens."""

    def __init__(
        self, deeper: int, dim: int, mixers: Sequence[nn.Module], drop_paths: Sequence[float]
    ) -> None:
        super().__init__()
        self.expand = PatchExpanding(deeper, dim)
        self.join = nn.Linear(2 * dim, dim)
        self.blocks = nn.ModuleList(
            VSSBlock(dim, mixer, drop_path=rate)
            for mixer, rate in zip(mixers, drop_paths, strict=True)
        )

    def forward(self, x: Tensor, skip: Tensor, checkpointing: bool) -> Tensor:
        """Decode the deeper map x (B, h, w, deeper) to the size of the skip (B, H, W, C).

        Where a side of the skip is odd, the last row or column of the expanded map is left out.
        """
        height, width = skip.shape[1:3]
        x = self.join(torch.cat((self.expand(x)[:, :height, :width], skip), dim=-1))
        for block in self.blocks:
            x = run_block(block, x, checkpointing=checkpointing)
        return x


class ExpandingHead(nn.Module):
    """Logits at the image's size: patches are taken apart, normalised and classified."""

    def __init__(self, dim: int, out_channels: int, factor: int = 4) -> None:
        super().__init__()
        self.factor = factor
        self.expand = nn.Linear(dim, factor * factor * dim, bias=False)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Conv2d(dim, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Classify the pixels of patches x (B, H, W, C), as (B, K, factor * H, factor * W)."""
        pixels = self.norm(self.expand(x).unflatten(-1, (self.factor, self.factor, -1)))
        # Each pixel is classified where it stands in its patch: only logits change their order.
        logits = F.linear(pixels, self.head.weight.flatten(1), self.head.bias)
        return logits.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


class LoGDecoder(nn.Module):
    """Three stages from the deepest map to a quarter of the image's size, then the head.

    Parameters
    ----------
    widths : sequence of int
        Channels of the encoder's maps, finest first.
    out_channels : int
    image_size : sequence of int
        For which global tokens are built.
    options : TokenOptions
        With neither kind of token, blocks are SS2D.
    squeeze : sequence of int
        Channels per global token, deepest stage first.
    drop_path : float
        Rate of stochastic depth of the first block, falling linearly to none.
    auxiliary : bool
        Whether every stage has logits of its own.
    checkpointing : bool
        See `run_block`.
    """

    def __init__(
        self,
        widths: Sequence[int],
        out_channels: int,
        image_size: Sequence[int],
        options: TokenOptions,
        *,
        squeeze: Sequence[int],
        drop_path: float,
        auxiliary: bool,
        checkpointing: bool,
    ) -> None:
        super().__init__()
        if len(squeeze) != len(_STRIDES):
            raise ValueError(f"squeeze needs {len(_STRIDES)} values; got {tuple(squeeze)}.")
        self.checkpointing = checkpointing
        growing = growing_rates(drop_path, [_DEPTH] * len(_STRIDES))
        rates = [stage[::-1] for stage in reversed(growing)]
        self.stages = nn.ModuleList()
        self.auxiliary_heads = nn.ModuleList()
        upwards = pairwise(reversed(widths))
        for i, ((deeper, width), stride) in enumerate(zip(upwards, _STRIDES, strict=True)):
            grid = [side // (16 >> i) for side in image_size]
            mixers = [
                _mixer(width, grid, options, stride=stride, squeeze=squeeze[i])
                for _ in range(_DEPTH)
            ]
            self.stages.append(DecoderStage(deeper, width, mixers, rates[i]))
            if auxiliary:
                self.auxiliary_heads.append(nn.Conv2d(width, out_channels, 1))
        self.head = ExpandingHead(widths[0], out_channels)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Give the logits, full size first, of the encoder's maps, finest first."""
        *skips, x = maps
        logits = []
        for i, (stage, skip) in enumerate(zip(self.stages, reversed(skips), strict=True)):
            x = stage(x, skip, self.checkpointing)
            if len(self.auxiliary_heads):
                logits.append(self.auxiliary_heads[i](x.movedim(-1, 1)))
        return [run_block(self.head, x, checkpointing=self.checkpointing), *reversed(logits)]


def _mixer(
    dim: int, grid: Sequence[int], options: TokenOptions, *, stride: int, squeeze: int
) -> nn.Module:
    if options.local_tokens or options.global_tokens:
        return LocalGlobalScan(dim, grid, options, stride=stride, squeeze=squeeze)
    return SS2D(
        dim,
        scan_directions=options.scan_directions,
        state_size=options.state_size,
        expand=options.expand,
    )
