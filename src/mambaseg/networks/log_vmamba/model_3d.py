"""LoG-VMamba for volumes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.checkpointing import run_block
from mambaseg.networks.blocks.initialisation import Initialisation, initialise_time_steps
from mambaseg.networks.blocks.layout import fast_layout
from mambaseg.networks.blocks.local_global_scan import LocalGlobalScan, TokenOptions
from mambaseg.networks.blocks.mixing import Mixing
from mambaseg.networks.blocks.pointwise import PointwiseConv3d
from mambaseg.networks.blocks.vss_block import VSSBlock
from mambaseg.networks.log_vmamba.any_size import LEAST_SIDE, AnySize, initialise_convolutions
from mambaseg.networks.log_vmamba.convolutions_3d import (
    ResidualBlock,
    Upsampling,
    residual_blocks,
)

__all__ = ["LoGVMamba3d"]

_DEPTHS = (2, 2, 2, 1, 1)
_DECODER_DEPTHS = (2, 2, 2, 1)
_HAS_LOCAL = (True, True, True, False, False)
_HAS_GLOBAL = (False, True, True, True, True)
_STRIDES = (1, 4, 2, 1, 1)


class LoGVMamba3d(AnySize):
    """LoG-VMamba 3D, after the paper (arXiv 2408.14415, section 3.4) and the authors' code.

    A residual encoder with a Mamba block after each of its five stages, and a residual decoder
    that adds the encoder's maps. The stages of fine maps have local tokens, all but the first
    have global ones, whose weights belong to positions: the network is built for one size.
    Volumes of any size from 32 x 32 x 32 on are taken: see `AnySize`.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the volume, and of the logits.
    image_size : sequence of int
        (D, H, W), multiples of 32, for which global tokens are built.
    widths : sequence of int
        Channels of the five stages.
    expand : int
        Inner width of the Mamba blocks over their channels.
    mixing : {"head", "center", "split", "interleaved"}
        Where global tokens stand among local ones (see `mixing.plan`).
    local_tokens, global_tokens : bool
        Whether stages 0 to 2 have local tokens, and stages 1 to 4 global ones.
    squeeze : sequence of int
        Channels per global token in stages 1 to 4.
    scan_directions : {1, 2, 4}
        See `LocalGlobalScan`.
    resample_tokens : bool
        Whether other sizes than the built one run at once, with the positions' weights
        resampled (see `area_weights`), in place of windows.
    drop_path : float
        Rate of stochastic depth of every Mamba block.
    checkpointing : bool
        Whether training keeps only the inputs of blocks and computes the rest again: less
        memory, more time, the same gradients.
    initialisation : {"authors", "mamba"}
        The same here: the authors leave the time steps as Mamba draws them. Convolutions start
        from He's normal distribution.
    """

    axes: ClassVar[str] = "DHW"

    def __init__(
        self,
        in_channels: int = 4,
        out_channels: int = 3,
        *,
        image_size: Sequence[int] = (128, 128, 128),
        widths: Sequence[int] = (32, 64, 128, 256, 320),
        expand: int = 1,
        mixing: Mixing = "interleaved",
        local_tokens: bool = True,
        global_tokens: bool = True,
        squeeze: Sequence[int] = (1, 1, 2, 8),
        scan_directions: int = 1,
        resample_tokens: bool = False,
        drop_path: float = 0.1,
        checkpointing: bool = False,
        initialisation: Initialisation = "authors",
    ) -> None:
        super().__init__(
            in_channels, image_size, global_tokens=global_tokens, resample_tokens=resample_tokens
        )
        _check_for_statistics(self.image_size)
        stages = len(_DEPTHS)
        if len(widths) != stages:
            raise ValueError(f"widths needs {stages} values; got {tuple(widths)}.")
        if len(squeeze) != stages - 1:
            raise ValueError(f"squeeze needs {stages - 1} values; got {tuple(squeeze)}.")
        options = TokenOptions(
            mixing=mixing,
            scan_directions=scan_directions,
            expand=expand,
            resample=resample_tokens,
        )
        self.checkpointing = checkpointing
        dim = widths[0]
        self.stem = residual_blocks(in_channels, dim, 2)
        self.stages = nn.ModuleList()
        self.mixers = nn.ModuleList()
        for i, width in enumerate(widths):
            before = widths[max(i - 1, 0)]
            self.stages.append(residual_blocks(before, width, _DEPTHS[i], stride=2 if i else 1))
            scan = LocalGlobalScan(
                width,
                [side // (2 << i) for side in self.image_size],
                dataclasses.replace(
                    options,
                    local_tokens=local_tokens and _HAS_LOCAL[i],
                    global_tokens=global_tokens and _HAS_GLOBAL[i],
                ),
                stride=_STRIDES[i],
                squeeze=(1, *squeeze)[i],
            )
            self.mixers.append(VSSBlock(width, scan, drop_path=drop_path, norm_eps=1e-6))
        self.upsamplings = nn.ModuleList()
        self.decoder_stages = nn.ModuleList()
        upwards = list(reversed(widths))
        for deeper, width, depth in zip(upwards, upwards[1:], _DECODER_DEPTHS, strict=False):
            self.upsamplings.append(Upsampling(deeper, width))
            self.decoder_stages.append(residual_blocks(width, width, depth))
        self.last_upsampling = Upsampling(dim, dim)
        self.last_block = ResidualBlock(dim, dim, shortcut=False)
        self.head = PointwiseConv3d(dim, out_channels)
        initialise_convolutions(self)
        initialise_time_steps(self, initialisation)

    def forward(self, x: Tensor) -> Tensor:
        """Segment volumes.

        Parameters
        ----------
        x : Tensor, shape (B, in_channels, D, H, W)
            Normalised as the Recipe says.

        Returns
        -------
        Tensor, shape (B, out_channels, D, H, W)
            Logits.

        Raises
        ------
        ValueError
            If x has another number of axes or channels, or is too small.
        """
        return self.segment_any(x)[0]

    def least_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Give the least size that is taken, of those that `size` fits in.

        Where all is taken at once, the deepest map must be more than a single voxel.
        """
        least = super().least_size(size)
        alone = self.takes_all_at_once and max(least) <= LEAST_SIDE
        return (*least[:-1], LEAST_SIDE + 1) if alone else least

    def segment(self, x: Tensor) -> list[Tensor]:
        """Give the logits of x in one piece."""
        _check_for_statistics(x.shape[2:])
        x = fast_layout(x)
        stem = x = self._run(self.stem, x)
        # An odd last slice is pooled alone, which rounds the size up.
        x = F.max_pool3d(x, 2, ceil_mode=True)
        skips = []
        for stage, mixer in zip(self.stages, self.mixers, strict=True):
            x = self._run(stage, x)
            tokens = run_block(mixer, x.movedim(1, -1), checkpointing=self.checkpointing)
            x = tokens.movedim(-1, 1)
            skips.append(x)
        for upsampling, stage, skip in zip(
            self.upsamplings, self.decoder_stages, skips[-2::-1], strict=True
        ):
            x = self._run(stage, upsampling(x, skip.shape[2:]).add_(skip))
        x = run_block(
            self.last_block,
            self.last_upsampling(x, stem.shape[2:]).add_(stem),
            checkpointing=self.checkpointing,
        )
        return [self.head(x)]

    def _run(self, blocks: nn.Module, x: Tensor) -> Tensor:
        for block in blocks.children():
            x = run_block(block, x, checkpointing=self.checkpointing)
        return x


def _check_for_statistics(size: Sequence[int]) -> None:
    """Refuse a size whose deepest map is a single voxel, which has no variance."""
    if max(size) <= LEAST_SIDE:
        raise ValueError(
            "The deepest of LoGVMamba3d's maps would be a single voxel, which cannot be normalised:"
            f" one side must be larger than 32; got {' x '.join(map(str, size))}."
        )
