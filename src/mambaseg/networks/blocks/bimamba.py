"""Mamba over three directions of one sequence ("bimamba v3")."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.ops import orders, selective_scan

__all__ = ["BiMamba", "ScanDirection"]


class ScanDirection(nn.Module):
    """What one direction owns: causal convolution, projections, and the state space.

    Parameters
    ----------
    width : int
        Channels of the sequence (`d_inner` in Mamba).
    step_rank : int
        Rank of the projection that gives the time steps.
    state_size : int
        States per channel, N.
    conv_size : int
        Taps of the causal depthwise convolution.
    """

    def __init__(
        self, width: int, step_rank: int, state_size: int = 16, conv_size: int = 4
    ) -> None:
        super().__init__()
        self.state_size = state_size
        self.conv1d = nn.Conv1d(width, width, conv_size, groups=width, padding=conv_size - 1)
        self.x_proj = nn.Linear(width, step_rank + 2 * state_size, bias=False)
        self.dt_proj = nn.Linear(step_rank, width)
        rates = torch.arange(1, state_size + 1, dtype=torch.float32)
        self.A_log = nn.Parameter(rates.log().repeat(width, 1))
        self.D = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Convolve, project and scan x, gated by z; all of shape (B, width, L)."""
        length = x.shape[-1]
        x = F.silu(self.conv1d(x)[..., :length])
        rank = self.dt_proj.in_features
        steps, B, C = self.x_proj(x.transpose(1, 2)).split(
            [rank, self.state_size, self.state_size], dim=-1
        )
        # The bias of dt_proj goes into the scan, ahead of its softplus, and not in here.
        delta = (steps @ self.dt_proj.weight.t()).transpose(1, 2)
        # Half precision would blur the decay rates.
        A_log = self.A_log.to(torch.promote_types(self.A_log.dtype, torch.float32))
        return selective_scan(
            x,
            delta,
            -torch.exp(A_log),
            B.transpose(1, 2),
            C.transpose(1, 2),
            D=self.D,
            z=z,
            delta_bias=self.dt_proj.bias,
            delta_softplus=True,
        )


class BiMamba(nn.Module):
    """Mamba block that reads its tokens forward, backward and interleaved by chunks.

    The three directions share the projections in and out; each has its own
    convolution and state space. The gate of a token travels with it. (Vivim,
    section 2.1, and SegMamba, section 2.2; the authors' code calls it "bimamba
    v3", and only there are the division by three and the interleaving defined.)

    Parameters
    ----------
    dim : int
        Channels C of a token.
    average : bool
        Whether the directions' sum is divided by three (Vivim) or not (SegMamba).
    state_size, conv_size, expand : int
        Mamba's N, its convolution's taps, and inner width over `dim`.
    """

    def __init__(
        self,
        dim: int,
        *,
        average: bool,
        state_size: int = 16,
        conv_size: int = 4,
        expand: int = 2,
    ) -> None:
        super().__init__()
        width = expand * dim
        self.average = average
        self.in_proj = nn.Linear(dim, 2 * width, bias=False)
        self.directions = nn.ModuleList(
            ScanDirection(width, math.ceil(dim / 16), state_size, conv_size) for _ in range(3)
        )
        self.out_proj = nn.Linear(width, dim, bias=False)

    def forward(self, tokens: Tensor, n_chunks: int) -> Tensor:
        """Mix tokens along the sequence.

        Parameters
        ----------
        tokens : Tensor, shape (B, L, C)
        n_chunks : int
            Number of equal consecutive chunks (frames, or slabs of slices) that
            the third direction interleaves.

        Returns
        -------
        Tensor, shape (B, L, C)

        Raises
        ------
        ValueError
            If `n_chunks` does not divide L.
        """
        x, z = self.in_proj(tokens).transpose(1, 2).chunk(2, dim=1)
        length, device = tokens.shape[1], tokens.device
        forward, backward, across = self.directions
        y = forward(x, z)
        for direction, order in (
            (backward, orders.reversed_order(length, device)),
            (across, orders.interleaved(length, n_chunks, device)),
        ):
            y = y + direction(x[..., order], z[..., order])[..., orders.invert(order)]
        if self.average:
            y = y / 3
        return self.out_proj(y.transpose(1, 2))
