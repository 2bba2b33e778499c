"""Gradient checkpointing: memory for time."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

__all__ = ["run_block"]


def run_block(block: nn.Module, *inputs: Any, checkpointing: bool) -> Any:
    """Call a block, and with `checkpointing` keep only its inputs for the backward pass.

    What happens inside is computed again when its gradient is asked for, with the same random
    numbers, so that gradients are the same. Not for a block that counts how often it is
    called, as a batch norm does in training.

    Parameters
    ----------
    block : Module
    *inputs
        What it takes.
    checkpointing : bool
        The network's argument of that name.
    """
    if checkpointing and torch.is_grad_enabled():
        return checkpoint(block, *inputs, use_reentrant=False)
    return block(*inputs)
