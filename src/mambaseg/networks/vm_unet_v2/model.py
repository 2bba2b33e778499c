"""VM-UNetV2: vision Mamba in a UNet whose skips infuse semantics and detail."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mambaseg.networks.blocks.drop_path import growing_rates
from mambaseg.networks.blocks.initialisation import Initialisation, initialise_time_steps
from mambaseg.networks.blocks.vmamba_encoder import VMambaEncoder
from mambaseg.networks.vm_unet_v2.decoder import SDIDecoder
from mambaseg.networks.vm_unet_v2.skip import AttentiveSkip

__all__ = ["VMUNetV2"]

_STAGES = 4
_LEAST_SIDE = 32
"""From here on every stage halves the map."""


class VMUNetV2(nn.Module):
    """VM-UNetV2, after the paper (arXiv 2403.09157) and the authors' code.

    VMamba encodes the image in patches of 4 x 4 pixels; what enters each of its four
    stages goes through channel and spatial attention to a decoder that fuses all four
    scales at each of them. Images may have any height and width from 32 pixels on:
    a side that is odd at a halving is rounded up there by repeating the last row or
    column, and cropped on the way back, so that multiples of 32 take exactly the
    authors' path.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the image, and of the logits. With three input channels a grey
        image of one channel is taken too, and repeated.
    depths : sequence of int
        Blocks of the four stages; the paper compares (2, 2, 2, 2), (2, 2, 9, 2) and
        (2, 2, 27, 2). The decoder takes what *enters* a stage, so the last stage's blocks
        have no effect on the result; they only stretch the growth of stochastic depth.
    widths : sequence of int
        Channels of the four stages.
    decoder_width : int
        Channels of the decoder.
    deep_supervision : bool
        Whether the second finest scale's logits are added to the finest's, as published:
        one fused map, in training and evaluation alike.
    unused_stage : bool
        Whether to hold the last stage's blocks, which the authors compute and throw away
        (8.9 M parameters): they are never computed, but checkpoints keep them.
    drop_path : float
        Highest rate of stochastic depth, growing linearly over all blocks, the last
        stage's included.
    checkpointing : bool
        Whether training keeps only the inputs of blocks and computes the rest again: less
        memory, more time, the same gradients.
    initialisation : {"authors", "mamba"}
        The same here, but for the random numbers: the authors leave the scans as Mamba starts
        them. The encoder's linear layers start from N(0, 0.02), all convolutions as PyTorch's.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 1,
        *,
        depths: Sequence[int] = (2, 2, 9, 2),
        widths: Sequence[int] = (96, 192, 384, 768),
        decoder_width: int = 48,
        deep_supervision: bool = True,
        unused_stage: bool = False,
        drop_path: float = 0.2,
        checkpointing: bool = False,
        initialisation: Initialisation = "authors",
    ) -> None:
        super().__init__()
        for name, values in (("depths", depths), ("widths", widths)):
            if len(values) != _STAGES:
                raise ValueError(
                    f"{name} needs {_STAGES} values, one per stage; got {tuple(values)}."
                )
        self.in_channels = in_channels
        *rates, unused = growing_rates(drop_path, depths)
        self.encoder = VMambaEncoder(
            in_channels,
            widths,
            [*rates, unused if unused_stage else []],
            checkpointing=checkpointing,
        )
        self.skips = nn.ModuleList(AttentiveSkip(width, decoder_width) for width in widths)
        self.decoder = SDIDecoder(decoder_width, out_channels, deep_supervision=deep_supervision)
        self.encoder.reset_linear_layers()
        initialise_time_steps(self, initialisation)

    def forward(self, x: Tensor) -> Tensor:
        """Segment images.

        Parameters
        ----------
        x : Tensor, shape (B, in_channels, H, W)
            Images, normalised as the Recipe says.

        Returns
        -------
        Tensor, shape (B, out_channels, H, W)
            Logits.

        Raises
        ------
        ValueError
            If x has another number of axes or channels, or images are too small.
        """
        size = self._checked(x)
        if x.shape[1] != self.in_channels:
            x = x.expand(-1, self.in_channels, -1, -1)
        maps = self.encoder(x, run_last=False).entering
        logits = self.decoder([skip(m) for skip, m in zip(self.skips, maps, strict=True)])
        return logits[..., : size[0], : size[1]]

    def _checked(self, x: Tensor) -> torch.Size:
        fitting = {self.in_channels} | ({1} if self.in_channels == 3 else set())
        if x.ndim != 4 or x.shape[1] not in fitting:
            raise ValueError(
                f"VM-UNetV2 needs images of shape (B, {self.in_channels}, H, W); "
                f"got {tuple(x.shape)}."
            )
        size = x.shape[-2:]
        if min(size) < _LEAST_SIDE:
            raise ValueError(
                f"VM-UNetV2 needs images of at least {_LEAST_SIDE} x {_LEAST_SIDE} pixels; "
                f"got {size[0]} x {size[1]}."
            )
        if self.training and x.shape[0] == 1 and max(size) <= _LEAST_SIDE:
            raise ValueError(
                "VM-UNetV2 cannot learn from a single image of 32 x 32 pixels, whose coarsest map "
                "is one pixel that batch norm cannot normalise: give larger images or two."
            )
        return size
