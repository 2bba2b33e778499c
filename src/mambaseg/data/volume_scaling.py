"""What is done to a volume's intensities: measured once, then applied to any part of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.data.window import GreyWindow
from mambaseg.types.intensity import Intensity, MinMax, Scaled

__all__ = ["VolumeScaling", "finite"]


def finite(intensities: NDArray[Any]) -> Tensor:
    """Give float32, with 0 for what is not a number."""
    values = np.array(intensities, np.float32)
    if np.asarray(intensities).dtype.kind == "f":
        np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return torch.from_numpy(values)


@dataclass(frozen=True)
class VolumeScaling:
    """A Recipe's rule with the figures of one volume, so that no scaled copy need be kept.

    Parameters
    ----------
    window : GreyWindow or None
        The intensities that become 0 and 1 first; None: they stay as they are.
    shift, spread : tuple of float
        What each channel is then lessened and divided by.
    keeps_zero : bool
        Whether zeros stay zeros.
    """

    window: GreyWindow | None
    shift: tuple[float, ...]
    spread: tuple[float, ...]
    keeps_zero: bool = False

    @classmethod
    def of(
        cls, channels: Sequence[NDArray[Any]], window: GreyWindow | None, rule: Intensity
    ) -> Self:
        """Measure a volume.

        Parameters
        ----------
        channels : sequence of ndarray, shape (Z, Y, X)
            What the network sees of it.
        window : GreyWindow
            Of the whole image, for the rule "scaled".
        rule : Scaled, MinMax or ZScore
        """
        if isinstance(rule, Scaled):
            return cls(window, tuple(rule.mean), tuple(rule.std))
        if isinstance(rule, MinMax):
            # All channels share one range; one that does not vary becomes zeros.
            values = [finite(channel) for channel in channels]
            low = min(channel.min().item() for channel in values)
            span = max(channel.max().item() for channel in values) - low
            n = len(channels)
            return cls(None, (low,) * n, (span / rule.highest if span else 1.0,) * n)
        nonzero = rule.over == "nonzero"
        figures = [_mean_and_spread(finite(channel), nonzero) for channel in channels]
        shift, spread = zip(*figures, strict=True)
        return cls(None, shift, spread, keeps_zero=nonzero)

    def channel(self, part: NDArray[Any], index: int) -> Tensor:
        """Scale a part, of any shape, of one channel; gives float32."""
        x = finite(part) if self.window is None else torch.from_numpy(self.window.scale(part))
        scaled = (x - self.shift[index]).div_(self.spread[index])
        return scaled.masked_fill_(x == 0, 0.0) if self.keeps_zero else scaled


def _mean_and_spread(values: Tensor, nonzero: bool) -> tuple[float, float]:
    """Mean and standard deviation; 0 and 1 where nothing counts or varies."""
    if nonzero:
        values = values[values != 0]
    if not values.numel():
        return 0.0, 1.0
    # In float64, so that they do not depend on how the elements lie in memory.
    mean = values.mean(dtype=torch.float64).item()
    squares = (part.double().sub_(mean).square_().sum() for part in values.flatten().split(2**20))
    return mean, math.sqrt(sum(square.item() for square in squares) / values.numel()) or 1.0
