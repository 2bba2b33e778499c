"""Which weights an optimizer changes, and at what part of the rate."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from torch import nn

from mambaseg.networks.encoders import encoder_level
from mambaseg.types.optimization import Optimization

__all__ = ["RATE_PART", "weight_groups"]

RATE_PART = "rate_part"
"""Key of a group of weights: its rate as a part of the highest."""


def weight_groups(network: nn.Module, name: str, o: Optimization) -> list[dict[str, Any]]:
    """Group a network's weights for an optimizer; those that stay as they are need no gradient.

    Parameters
    ----------
    network : Module
        Whose `requires_grad` is set.
    name : str
        Of the network, as `create_network` knows it.
    o : Optimization
    """
    if o.trains == "all" and o.layer_decay == 1:
        return [{"params": list(network.parameters()), "lr": o.learning_rate, RATE_PART: 1.0}]
    levels = {key: encoder_level(name, key) for key, _ in network.named_parameters()}
    above = 1 + max(level for level in levels.values() if level is not None)
    groups = defaultdict(list)
    for key, weight in network.named_parameters():
        level = levels[key]
        weight.requires_grad_(level is None or o.trains == "all")
        if weight.requires_grad:
            groups[above if level is None else level].append(weight)
    return [
        {
            "params": weights,
            "lr": o.learning_rate * o.layer_decay ** (above - level),
            RATE_PART: o.layer_decay ** (above - level),
        }
        for level, weights in sorted(groups.items())
    ]
