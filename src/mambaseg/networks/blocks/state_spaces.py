"""The state spaces of several scan directions, stacked."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.initialisation import draw_time_steps
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
        """Draw the initial values, all of them Mamba's own; decay rates are 1 to N."""
        bound = self.x_proj_weight.shape[-1] ** -0.5
        nn.init.uniform_(self.x_proj_weight, -bound, bound)
        self.reset_time_steps()
        with torch.no_grad():
            rates = torch.arange(1, self.state_size + 1, dtype=torch.float32)
            self.A_log.copy_(rates.log().expand_as(self.A_log))
        nn.init.ones_(self.D)

    def reset_time_steps(self) -> None:
        """Give the time steps Mamba's own start."""
        draw_time_steps(self.dt_proj_weight, self.dt_proj_bias)

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
        # One product for all directions, whose parts (B, L, K, R + N + N) are views.
        mixed = F.linear(tokens, self.x_proj_weight[chosen].flatten(0, 1))
        parts = mixed.unflatten(-1, (len(orders), -1))
        steps, B, C = parts.split([self.step_rank, self.state_size, self.state_size], dim=-1)
        # The bias goes into the scan, ahead of its softplus, and not in here.
        by_direction = steps.permute(2, 0, 1, 3).flatten(1, 2)
        delta = torch.bmm(by_direction, self.dt_proj_weight[chosen].transpose(1, 2))
        # Half precision would blur the decay rates.
        A_log = self.A_log.to(torch.promote_types(self.A_log.dtype, torch.float32))
        shape = (-1, tokens.shape[-1])
        return multi_scan(
            tokens,
            delta.unflatten(1, tokens.shape[:2]).unbind(),
            -torch.exp(A_log).unflatten(0, shape)[chosen],
            B.unbind(2),
            C.unbind(2),
            D=self.D.view(shape)[chosen],
            delta_bias=self.dt_proj_bias[chosen],
            delta_softplus=True,
            orders=orders,
        )
