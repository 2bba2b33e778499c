"""Mamba over three directions of one sequence ("bimamba v3")."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.initialisation import draw_time_steps
from mambaseg.ops import NATURAL, REVERSED, Order, causal_conv, interleaved, multi_scan

__all__ = ["BiMamba", "ScanDirection"]


class ScanInputs(NamedTuple):
    """What `ops.multi_scan` takes for one direction."""

    u: Tensor
    delta: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor
    delta_bias: Tensor


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

    def reset_time_steps(self) -> None:
        """Give the time steps Mamba's own start."""
        draw_time_steps(self.dt_proj.weight, self.dt_proj.bias)

    def forward(self, x: Tensor, order: Order) -> ScanInputs:
        """Convolve x (B, L, width) along the order, and project what the scan needs."""
        x = causal_conv(x, self.conv1d.weight.squeeze(1), self.conv1d.bias, order=order)
        rank = self.dt_proj.in_features
        steps, B, C = self.x_proj(x).split([rank, self.state_size, self.state_size], dim=-1)
        # The bias of dt_proj goes into the scan, ahead of its softplus, and not in here.
        delta = F.linear(steps, self.dt_proj.weight)
        # Half precision would blur the decay rates.
        A_log = self.A_log.to(torch.promote_types(self.A_log.dtype, torch.float32))
        return ScanInputs(x, delta, -torch.exp(A_log), B, C, self.D, self.dt_proj.bias)


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
        directions = [
            ScanDirection(width, math.ceil(dim / 16), state_size, conv_size) for _ in range(3)
        ]
        directions[0].reset_time_steps()  # the authors': in this direction alone
        self.directions = nn.ModuleList(directions)
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
        projected = self.in_proj(tokens)
        on_cpu = tokens.device.type == "cpu"
        if on_cpu:
            # Its kernels compute in float32: under autocast, one conversion in place of twelve.
            projected = projected.to(self.in_proj.weight.dtype)
        with torch.autocast("cpu", enabled=False) if on_cpu else nullcontext():
            y = self._scan(projected, (NATURAL, REVERSED, interleaved(n_chunks)))
        if self.average:
            y = y / 3
        return self.out_proj(y)

    def _scan(self, projected: Tensor, orders: tuple[Order, ...]) -> Tensor:
        x, z = projected.chunk(2, dim=-1)
        inputs = [
            direction(x, order) for direction, order in zip(self.directions, orders, strict=True)
        ]
        u, delta, A, B, C, D, bias = zip(*inputs, strict=True)
        return multi_scan(
            u, delta, A, B, C, D=D, z=z, delta_bias=bias, delta_softplus=True, orders=orders
        )
