"""Vivim: a video vision Mamba for medical video segmentation (arXiv 2401.14168)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.checkpointing import run_block
from mambaseg.networks.blocks.drop_path import growing_rates
from mambaseg.networks.blocks.initialisation import Initialisation, initialise_time_steps
from mambaseg.networks.vivim.decoder import AllMLPDecoder
from mambaseg.networks.vivim.mix_transformer import OverlapPatchEmbed, TransformerBlock
from mambaseg.networks.vivim.temporal_mamba import TemporalMambaBlock

__all__ = ["BACKBONES", "Backbone", "Vivim"]

Backbone = Literal["b0", "b1", "b2", "b3", "b4", "b5"]


class BackboneSize(NamedTuple):
    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]


_WIDE = (64, 128, 320, 512)
BACKBONES: dict[str, BackboneSize] = {
    "b0": BackboneSize((32, 64, 160, 256), (2, 2, 2, 2)),
    "b1": BackboneSize(_WIDE, (2, 2, 2, 2)),
    "b2": BackboneSize(_WIDE, (3, 4, 6, 3)),
    "b3": BackboneSize(_WIDE, (3, 4, 18, 3)),
    "b4": BackboneSize(_WIDE, (3, 8, 27, 3)),
    "b5": BackboneSize(_WIDE, (3, 6, 40, 3)),
}
_HEADS = (1, 2, 5, 8)
_REDUCTIONS = (8, 4, 2, 1)
_LEAST_SIDE = 29
"""From here on the first stage's attention has a window of 8 x 8 tokens to shrink."""


class VivimStage(nn.Module):
    """Patch embedding and transformer blocks within frames, then Mamba across them."""

    def __init__(
        self,
        in_channels: int,
        dim: int,
        *,
        patch_size: int,
        stride: int,
        num_heads: int,
        reduction: int,
        drop_paths: Sequence[float],
        temporal_depth: int,
        checkpointing: bool,
    ) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        self.patch_embed = OverlapPatchEmbed(in_channels, dim, patch_size, stride)
        self.blocks = nn.ModuleList(
            TransformerBlock(dim, num_heads, reduction, drop_path=rate) for rate in drop_paths
        )
        self.temporal_blocks = nn.ModuleList(TemporalMambaBlock(dim) for _ in range(temporal_depth))

    def forward(self, x: Tensor, n_frames: int, scan_chunks: int | None) -> Tensor:
        """Encode frames x (B * T, C, H, W) of clips of `n_frames` as (B * T, dim, h, w)."""
        tokens, size = self.patch_embed(x)
        for block in self.blocks:
            tokens = run_block(block, tokens, size, checkpointing=self.checkpointing)
        clip = tokens.unflatten(0, (-1, n_frames)).flatten(1, 2)
        for block in self.temporal_blocks:
            grid = (n_frames, *size)
            clip = run_block(block, clip, grid, scan_chunks, checkpointing=self.checkpointing)
        return clip.transpose(1, 2).unflatten(2, (n_frames, *size)).movedim(2, 1).flatten(0, 1)


class Vivim(nn.Module):
    """Vivim, after the paper and the authors' code.

    Each of four stages embeds patches, runs Mix Transformer blocks within every
    frame, then Temporal Mamba blocks over the whole clip; an all-MLP decoder
    joins the four scales. Frames may have any height and width from 29 pixels
    on, clips any number of frames: nothing is padded or cropped.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of a frame, and of the logits.
    backbone : {"b0", "b1", "b2", "b3", "b4", "b5"}
        Size of the Mix Transformer; the authors use "b3".
    widths : sequence of int, optional
        Channels of the four stages in place of the backbone's, divisible by
        1, 2, 5 and 8 heads.
    decoder_width : int
        Channels of the decoder; the authors use 768.
    scan_chunks : int or None
        Chunks that the scan's third direction interleaves. None: one per frame,
        so that time runs fastest whatever the clip's length. 5: the authors',
        which needs a token count divisible by 5 at every stage.
    edge_head : bool
        Whether to predict the object's edge from the first stage as well.
    drop_path : float
        Highest rate of stochastic depth, growing linearly over the blocks.
    checkpointing : bool
        Whether training keeps only the inputs of blocks and computes the rest again: less
        memory, more time, the same gradients.
    initialisation : {"authors", "mamba"}
        "authors": linear layers, Mamba's too, from N(0, 0.02) with zero bias, by which Mamba's
        own start of the time steps is lost: the first step of every channel is
        softplus(0) = 0.69. "mamba": the same, but for the time steps, from 0.001 to 0.1.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 1,
        *,
        backbone: Backbone = "b3",
        widths: Sequence[int] | None = None,
        decoder_width: int = 768,
        scan_chunks: int | None = None,
        edge_head: bool = False,
        drop_path: float = 0.1,
        checkpointing: bool = False,
        initialisation: Initialisation = "authors",
    ) -> None:
        super().__init__()
        if backbone not in BACKBONES:
            raise ValueError(f"backbone must be one of {list(BACKBONES)}; got {backbone!r}.")
        depths = BACKBONES[backbone].depths
        widths = tuple(widths or BACKBONES[backbone].widths)
        if len(widths) != len(depths):
            raise ValueError(f"widths needs {len(depths)} values, one per stage; got {widths}.")
        self.in_channels = in_channels
        self.scan_chunks = scan_chunks
        rates = growing_rates(drop_path, depths)
        self.stages = nn.ModuleList(
            VivimStage(
                in_channels if i == 0 else widths[i - 1],
                dim,
                patch_size=7 if i == 0 else 3,
                stride=4 if i == 0 else 2,
                num_heads=_HEADS[i],
                reduction=_REDUCTIONS[i],
                drop_paths=rates[i],
                temporal_depth=2,
                checkpointing=checkpointing,
            )
            for i, dim in enumerate(widths)
        )
        self.decoder = AllMLPDecoder(widths, decoder_width, out_channels)
        self.edge_head = nn.Conv2d(widths[0], 1, 1) if edge_head else None
        self._initialise_linear_layers()
        initialise_time_steps(self, initialisation)

    def _initialise_linear_layers(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Segment clips.

        Parameters
        ----------
        x : Tensor, shape (B, T, in_channels, H, W)
            Clips, normalised as the Recipe says.

        Returns
        -------
        Tensor, shape (B, T, out_channels, H, W)
            Logits. With `edge_head`, a tuple of these and of the edge's logits,
            shape (B, T, 1, H, W).

        Raises
        ------
        ValueError
            If x has another number of axes or channels, or frames are too small.
        """
        if x.ndim != 5 or x.shape[2] != self.in_channels:
            raise ValueError(
                f"Vivim needs clips of shape (B, T, {self.in_channels}, H, W); "
                f"got {tuple(x.shape)}."
            )
        n_frames, size = x.shape[1], x.shape[-2:]
        if min(size) < _LEAST_SIDE:
            raise ValueError(
                f"Vivim needs frames of at least {_LEAST_SIDE} x {_LEAST_SIDE} pixels; "
                f"got {size[0]} x {size[1]}."
            )
        features = []
        feature = x.flatten(0, 1)
        for stage in self.stages:
            feature = stage(feature, n_frames, self.scan_chunks)
            features.append(feature)

        def at_full_size(logits: Tensor) -> Tensor:
            full = F.interpolate(logits, size, mode="bilinear", align_corners=False)
            return full.unflatten(0, (-1, n_frames))

        logits = at_full_size(self.decoder(features))
        if self.edge_head is None:
            return logits
        return logits, at_full_size(self.edge_head(features[0]))
