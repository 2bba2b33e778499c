"""Stochastic depth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from torch import Tensor, nn

__all__ = ["DropPath", "growing_rates"]


def growing_rates(highest: float, depths: Sequence[int]) -> list[list[float]]:
    """Rates of stochastic depth that grow linearly from 0 over all blocks, cut by stage.

    Parameters
    ----------
    highest : float
        Rate of the last block.
    depths : sequence of int
        Blocks of each stage.
    """
    last = max(1, sum(depths) - 1)
    rates = [highest * i / last for i in range(sum(depths))]
    return [rates[start:stop] for start, stop in pairwise(accumulate(depths, initial=0))]


class DropPath(nn.Module):
    """Drop a residual branch for whole samples in training (Huang et al. 2016, arXiv 1603.09382).

    Parameters
    ----------
    rate : float
        Probability that a sample's branch is dropped; kept ones are scaled up
        so that the expectation stays.
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be at least 0 and less than 1; got {rate}.")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Drop or scale the samples of x, shape (B, ...)."""
        if not self.training or self.rate == 0:
            return x
        keep = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(1 - self.rate)
        return x * (keep / (1 - self.rate))
