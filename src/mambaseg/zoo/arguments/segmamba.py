"""Arguments of SegMamba from the authors' keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mambaseg.zoo.arguments.counting import count

__all__ = ["infer"]


def infer(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Give what `create_network("segmamba", ...)` needs to hold these weights."""
    return {
        "in_channels": weights["vit.downsample_layers.0.0.weight"].shape[1],
        "out_channels": weights["out.conv.conv.weight"].shape[0],
        "depths": [count(weights, f"vit.stages.{stage}.") for stage in range(4)],
        "widths": [weights[f"vit.mlps.{stage}.fc2.weight"].shape[0] for stage in range(4)],
        "hidden_width": weights["encoder5.layer.conv1.conv.weight"].shape[0],
    }
