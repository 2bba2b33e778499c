"""SegMamba: long-range modelling of whole volumes with Mamba (arXiv 2401.13560)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mambaseg.networks.blocks.checkpointing import run_block
from mambaseg.networks.blocks.initialisation import Initialisation, initialise_time_steps
from mambaseg.networks.blocks.instance_norm import instance_norm
from mambaseg.networks.blocks.layout import fast_layout
from mambaseg.networks.blocks.pointwise import PointwiseConv3d
from mambaseg.networks.blocks.residual import ResidualBlock, UpBlock
from mambaseg.networks.segmamba.encoder import Downsampling, EncoderStage, SkipMLP

__all__ = ["SegMamba"]

_CHUNKS = (64, 32, 16, 8)
"""The authors': the slices of a volume of 128 voxels at the four scales."""
_SHRINKING = 16


class SegMamba(nn.Module):
    """SegMamba, after the paper and the authors' code.

    A convolution halves the volume; four stages, each half the size of the one before, run a
    gated spatial convolution and Mamba over all voxels in three directions; a decoder of
    residual blocks joins their results with the volume itself. Sides may have any length, of
    which one at least must be over 16 voxels: odd ones are halved up, by repeating a last
    slice, and cut again in the decoder, and no norm ever sees padding.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the volume, and of the logits.
    depths : sequence of int
        Mamba layers of each stage.
    widths : sequence of int
        Channels of each stage.
    hidden_width : int
        Channels of the deepest feature, between encoder and decoder.
    checkpointing : bool
        Whether training keeps only the inputs of blocks and computes the rest again: less
        memory, more time, the same gradients.
    initialisation : {"authors", "mamba"}
        "authors": torch's own; of the three directions only the forward one starts with
        Mamba's time steps. "mamba": all three do.
    """

    def __init__(
        self,
        in_channels: int = 4,
        out_channels: int = 4,
        *,
        depths: Sequence[int] = (2, 2, 2, 2),
        widths: Sequence[int] = (48, 96, 192, 384),
        hidden_width: int = 768,
        checkpointing: bool = False,
        initialisation: Initialisation = "authors",
    ) -> None:
        super().__init__()
        for name, values in (("depths", depths), ("widths", widths)):
            if len(values) != len(_CHUNKS):
                raise ValueError(
                    f"{name} needs {len(_CHUNKS)} values, one per stage; got {tuple(values)}."
                )
        self.in_channels = in_channels
        self.checkpointing = checkpointing
        first = widths[0]
        self.stem = nn.Conv3d(in_channels, first, 7, stride=2, padding=3)
        self.downsamplings = nn.ModuleList(map(Downsampling, widths[:-1], widths[1:]))
        self.stages = nn.ModuleList(
            EncoderStage(width, depth, n_chunks, checkpointing=checkpointing)
            for width, depth, n_chunks in zip(widths, depths, _CHUNKS, strict=True)
        )
        self.skip_mlps = nn.ModuleList(map(SkipMLP, widths))
        fine_to_coarse = (*widths, hidden_width)
        self.encoders = nn.ModuleList(
            map(ResidualBlock, (in_channels, *widths), (first, *fine_to_coarse[1:]))
        )
        self.ups = nn.ModuleList(map(UpBlock, fine_to_coarse[1:], widths))
        self.last = ResidualBlock(first, first)
        self.head = PointwiseConv3d(first, out_channels)
        initialise_time_steps(self, initialisation)

    def forward(self, x: Tensor) -> Tensor:
        """Segment volumes.

        Parameters
        ----------
        x : Tensor, shape (B, in_channels, D, H, W)
            Volumes, normalised as the Recipe says.

        Returns
        -------
        Tensor, shape (B, out_channels, D, H, W)
            Logits.

        Raises
        ------
        ValueError
            If x has another number of axes or channels, or is too small.
        """
        if x.ndim != 5 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"SegMamba needs volumes of shape (B, {self.in_channels}, D, H, W); "
                f"got {tuple(x.shape)}."
            )
        if max(x.shape[2:]) <= _SHRINKING:
            raise ValueError(
                f"SegMamba needs volumes of at least {_SHRINKING + 1} voxels along one side; "
                f"got {' x '.join(map(str, x.shape[2:]))}."
            )
        x = fast_layout(x)
        skips = [self._run(self.encoders[0], x)]
        feature = self.stem(x)
        for i, stage in enumerate(self.stages):
            if i:
                feature = self.downsamplings[i - 1](feature)
            feature = instance_norm(stage(feature))
            skips.append(self._run(self.encoders[i + 1], self.skip_mlps[i](feature)))
        y = skips.pop()
        for up in reversed(self.ups):
            y = self._run(up, y, skips.pop())
        return self.head(self._run(self.last, y))

    def _run(self, block: nn.Module, *inputs: Tensor) -> Tensor:
        return run_block(block, *inputs, checkpointing=self.checkpointing)
