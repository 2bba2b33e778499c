"""The state spaces of several scan directions, stacked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.ops import Order, multi_scan

__all__ = ["StateSpaces"]


class StateSpaces(nn.Module):
    """Selective state spaces of K directions that read the same tokens, summed.

    Weights are stacked over directions as VMamba's checkpoints hold them
    (Liu et al. 2024, arXiv 2401.10166, section 4.2).

    Parameters
    ----------
    width : int
        Channels of a token, S.
    step_rank : int
        Rank of the projection that gives the time steps, R.
    directions : int
        Number of directions, K.
    state_size : int
        States per channel, N.
    """

    def __init__(
        self, width: int, step_rank: int, directions: int, *, state_size: int = 16
    ) -> None:
        super().__init__()
        self.step_rank = step_rank
        self.state_size = state_size
        self.x_proj_weight = nn.Parameter(
            torch.empty(directions, step_rank + 2 * state_size, width)
        )
        self.dt_proj_weight = nn.Parameter(torch.empty(directions, width, step_rank))
        self.dt_proj_bias = nn.Parameter(torch.empty(directions, width))
        self.A_log = nn.Parameter(torch.empty(directions * width, state_size))
        self.D = nn.Parameter(torch.empty(directions * width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw Mamba's own initial values (Gu and Dao 2023, arXiv 2312.00752, section 3.6).

        Channels start with time steps spread evenly in logarithm from 0.001 to 0.1, and
        decay rates 1 to N.
        """
        bound = self.x_proj_weight.shape[-1] ** -0.5
        nn.init.uniform_(self.x_proj_weight, -bound, bound)
        bound = self.step_rank**-0.5
        nn.init.uniform_(self.dt_proj_weight, -bound, bound)
        with torch.no_grad():
            steps = torch.empty_like(self.dt_proj_bias).uniform_(math.log(1e-3), math.log(0.1))
            steps = steps.exp().clamp(min=1e-4)
            self.dt_proj_bias.copy_(steps + torch.log(-torch.expm1(-steps)))  # softplus undone
            self.A_log.copy_(torch.arange(1, self.state_size + 1).log().expand_as(self.A_log))
        nn.init.ones_(self.D)

    def forward(self, tokens: Tensor, orders: Sequence[Order], *, first: int = 0) -> Tensor:
        """Scan tokens along each order with a state space of its own, and sum.

        Parameters
        ----------
        tokens : Tensor, shape (B, L, S)
        orders : sequence of Order
            One for each direction.
        first : int
            The direction that `orders[0]` belongs to, where not all are wanted.

        Returns
        -------
        Tensor, shape (B, L, S)
        """
        chosen = slice(first, first + len(orders))
        projections = self.x_proj_weight[chosen]
        sizes = [self.step_rank, self.state_size, self.state_size]
        # One product for all directions: its parts are read as they stand, never copied.
        mixed = F.linear(tokens, projections.flatten(0, 1))
        parts = [part.split(sizes, dim=-1) for part in mixed.chunk(len(orders), dim=-1)]
        steps, B, C = zip(*parts, strict=True)
        # The bias goes into the scan, ahead of its softplus, and not in here.
        delta = [
            F.linear(step, weight)
            for step, weight in zip(steps, self.dt_proj_weight[chosen], strict=True)
        ]
        # Half precision would blur the decay rates.
        A_log = self.A_log.to(torch.promote_types(self.A_log.dtype, torch.float32))
        shape = (-1, tokens.shape[-1])
        return multi_scan(
            tokens,
            delta,
            -torch.exp(A_log).unflatten(0, shape)[chosen],
            B,
            C,
            D=self.D.view(shape)[chosen],
            delta_bias=self.dt_proj_bias[chosen],
            delta_softplus=True,
            orders=orders,
        )
