"""What LoG-VMamba's two networks share: the sizes that they take, and their initial values."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from mambaseg.networks.blocks.windows import in_windows

__all__ = ["LEAST_SIDE", "AnySize", "initialise_convolutions"]

LEAST_SIDE = 32
"""The deepest stage has a token for so many pixels."""

_UNITS = {2: "pixels", 3: "voxels"}


class AnySize(nn.Module):
    """A network whose global tokens are built for one image size, on images of any size.

    An image runs at once if the network has no global tokens, if the authors' code would take
    it (sides that are multiples of 32 and the area or volume of `image_size`), or if the
    positions' weights are to be resampled. Any other runs in windows (see `in_windows`).

    Parameters
    ----------
    in_channels : int
    image_size : sequence of int
        Sides of the image for which global tokens are built.
    global_tokens, resample_tokens : bool
        The network's arguments.

    Raises
    ------
    ValueError
        If `image_size` has the wrong number of sides, or sides that are not multiples of 32.
    """

    axes: ClassVar[str]

    def __init__(
        self,
        in_channels: int,
        image_size: Sequence[int],
        *,
        global_tokens: bool,
        resample_tokens: bool,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.image_size = tuple(image_size)
        if len(self.image_size) != len(self.axes) or not self._is_legal(self.image_size):
            raise ValueError(
                f"image_size needs {len(self.axes)} sides that are multiples of {LEAST_SIDE}; "
                f"got {self.image_size}."
            )
        self.takes_all_at_once = resample_tokens or not global_tokens

    @staticmethod
    def _is_legal(size: Sequence[int]) -> bool:
        return all(side > 0 and side % LEAST_SIDE == 0 for side in size)

    def least_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Give the least size that is taken, of those that `size` fits in."""
        return tuple(max(side, LEAST_SIDE) for side in size)

    @abstractmethod
    def segment(self, x: Tensor) -> list[Tensor]:
        """Give the logits of x (B, in_channels, ...), at full size first, in one piece."""

    def segment_any(self, x: Tensor) -> list[Tensor]:
        """Give the logits of x in one piece if possible, or else in windows.

        Raises
        ------
        ValueError
            If x has another number of axes or channels, or is too small.
        """
        name, size = type(self).__name__, tuple(x.shape[2:])
        if x.ndim != len(self.axes) + 2 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"{name} needs images of shape (B, {self.in_channels}, {', '.join(self.axes)}); "
                f"got {tuple(x.shape)}."
            )
        if min(size) < LEAST_SIDE:
            least = " x ".join([str(LEAST_SIDE)] * len(size))
            raise ValueError(
                f"{name} needs images of at least {least} {_UNITS[len(size)]}; "
                f"got {' x '.join(map(str, size))}."
            )
        as_built = self._is_legal(size) and math.prod(size) == math.prod(self.image_size)
        if self.takes_all_at_once or as_built:
            return self.segment(x)
        return in_windows(self.segment, x, self.image_size)


def initialise_convolutions(network: nn.Module) -> None:
    """Draw the weights of all convolutions from He's normal distribution, with zero bias.

    For a leaky rectifier of slope 0.01, as the authors do in both networks.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, a=0.01)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
