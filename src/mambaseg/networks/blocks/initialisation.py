"""How a network's scans start: as the authors' code leaves them, or as Mamba means them."""

from __future__ import annotations

import math
from typing import Literal, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor, nn

__all__ = ["HasTimeSteps", "Initialisation", "draw_time_steps", "initialise_time_steps"]

Initialisation = Literal["authors", "mamba"]

_LEAST_STEP, _LARGEST_STEP = 1e-3, 1e-1


@runtime_checkable
class HasTimeSteps(Protocol):
    """A module that owns the time steps of a scan."""

    def reset_time_steps(self) -> None:
        """Give the time steps Mamba's own start (see `draw_time_steps`)."""


def draw_time_steps(weight: Tensor, bias: Tensor) -> None:
    """Fill the projection to time steps as Mamba does (Gu and Dao 2023, section 3.6).

    After softplus, the biases are spread log-uniformly from 0.001 to 0.1: channels start with
    memories of different length.

    Parameters
    ----------
    weight : Tensor, shape (..., D, rank)
        Changed in place, as is `bias`.
    bias : Tensor, shape (..., D)
    """
    with torch.no_grad():
        bound = weight.shape[-1] ** -0.5
        weight.uniform_(-bound, bound)
        step = torch.empty_like(bias).uniform_(math.log(_LEAST_STEP), math.log(_LARGEST_STEP)).exp()
        bias.copy_(step + torch.log(-torch.expm1(-step)))  # the inverse of softplus


def initialise_time_steps(network: nn.Module, initialisation: Initialisation) -> None:
    """Apply the argument `initialisation`, which all networks share, to a network built.

    Parameters
    ----------
    network : Module
        Initialised as its authors do.
    initialisation : {"authors", "mamba"}
        "mamba" draws the time steps of every scan anew, which the authors' code leaves
        otherwise in Vivim (all biases zero) and SegMamba (in two of three directions).

    Raises
    ------
    ValueError
        If `initialisation` is neither.
    """
    if initialisation not in get_args(Initialisation):
        raise ValueError(
            f"initialisation must be one of {list(get_args(Initialisation))}; "
            f"got {initialisation!r}."
        )
    if initialisation == "mamba":
        for module in network.modules():
            if isinstance(module, HasTimeSteps):
                module.reset_time_steps()
