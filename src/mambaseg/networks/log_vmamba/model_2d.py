"""LoG-VMamba for images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from mambaseg.networks.blocks.drop_path import growing_rates
from mambaseg.networks.blocks.initialisation import Initialisation, initialise_time_steps
from mambaseg.networks.blocks.local_global_scan import TokenOptions
from mambaseg.networks.blocks.mixing import Mixing
from mambaseg.networks.blocks.vmamba_encoder import VMambaEncoder
from mambaseg.networks.log_vmamba.any_size import AnySize, initialise_convolutions
from mambaseg.networks.log_vmamba.decoder_2d import LoGDecoder

__all__ = ["LoGVMamba2d"]

_STAGES = 4


class LoGVMamba2d(AnySize):
    """LoG-VMamba 2D, after the paper (arXiv 2408.14415, section 3.4) and the authors' code.

    A VMamba encoder; a decoder of VSS blocks whose scan is over local and global tokens. Global
    tokens have a weight for every position, so that the network is built for one image size.
    Images of any size from 32 x 32 on are taken: see `AnySize`.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the image, and of the logits.
    image_size : sequence of int
        (H, W), multiples of 32, for which global tokens are built.
    widths : sequence of int
        Channels of the four stages.
    depths : sequence of int
        Blocks of the encoder's four stages.
    expand : int
        Inner width of the decoder's Mamba blocks over their channels.
    mixing : {"head", "center", "split", "interleaved"}
        Where global tokens stand among local ones (see `mixing.plan`).
    local_tokens, global_tokens : bool
        L-VMamba, G-VMamba, both or, with neither, VMamba's SS2D. The authors' blocks with local
        tokens alone are narrow inside: they have an eighth of the channels.
    squeeze : sequence of int
        Channels per global token in the decoder's three stages, deepest first.
    scan_directions : {1, 2, 4}
        Of the decoder's blocks (see `LocalGlobalScan`). The encoder's have four.
    deep_supervision : bool
        Whether logits come as a list: at full size, then at 1/4, 1/8 and 1/16.
    resample_tokens : bool
        Whether other sizes than the built one run at once, with the positions' weights
        resampled (see `area_weights`), in place of windows.
    drop_path : float
        Highest rate of stochastic depth: it grows linearly over the encoder's blocks, and falls
        over the decoder's.
    checkpointing : bool
        Whether training keeps only the inputs of blocks and computes the rest again: less
        memory, more time, the same gradients.
    initialisation : {"authors", "mamba"}
        The same here: the authors leave the time steps as Mamba draws them. Linear layers of
        the encoder start from N(0, 0.02), all convolutions from He's normal distribution.
    """

    axes: ClassVar[str] = "HW"

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 1,
        *,
        image_size: Sequence[int] = (512, 512),
        widths: Sequence[int] = (96, 192, 384, 768),
        depths: Sequence[int] = (2, 2, 9, 2),
        expand: int = 2,
        mixing: Mixing = "interleaved",
        local_tokens: bool = True,
        global_tokens: bool = True,
        squeeze: Sequence[int] = (2, 1, 1),
        scan_directions: int = 1,
        deep_supervision: bool = False,
        resample_tokens: bool = False,
        drop_path: float = 0.2,
        checkpointing: bool = False,
        initialisation: Initialisation = "authors",
    ) -> None:
        super().__init__(
            in_channels, image_size, global_tokens=global_tokens, resample_tokens=resample_tokens
        )
        for name, values in (("widths", widths), ("depths", depths)):
            if len(values) != _STAGES:
                raise ValueError(
                    f"{name} needs {_STAGES} values, one per stage; got {tuple(values)}."
                )
        options = TokenOptions(
            local_tokens=local_tokens,
            global_tokens=global_tokens,
            mixing=mixing,
            scan_directions=scan_directions,
            expand=expand,
            resample=resample_tokens,
        )
        self.deep_supervision = deep_supervision
        self.encoder = VMambaEncoder(
            in_channels, widths, growing_rates(drop_path, depths), checkpointing=checkpointing
        )
        self.encoder.reset_linear_layers()
        self.decoder = LoGDecoder(
            widths,
            out_channels,
            self.image_size,
            options,
            squeeze=squeeze,
            drop_path=drop_path,
            auxiliary=deep_supervision,
            checkpointing=checkpointing,
        )
        initialise_convolutions(self)
        initialise_time_steps(self, initialisation)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Segment images.

        Parameters
        ----------
        x : Tensor, shape (B, in_channels, H, W)
            Normalised as the Recipe says.

        Returns
        -------
        Tensor, shape (B, out_channels, H, W)
            Logits. With `deep_supervision`, a list of these and of those at 1/4, 1/8 and 1/16
            of the size, rounded up.

        Raises
        ------
        ValueError
            If x has another number of axes or channels, or is smaller than 32 x 32.
        """
        logits = self.segment_any(x)
        return logits if self.deep_supervision else logits[0]

    def segment(self, x: Tensor) -> list[Tensor]:
        """Give the logits of x in one piece, full size first."""
        full, *rest = self.decoder(self.encoder(x).leaving)
        return [full[..., : x.shape[-2], : x.shape[-1]], *rest]
