"""Arguments of VM-UNetV2 from the authors' keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mambaseg.zoo.arguments.counting import count

__all__ = ["infer"]


def infer(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Give what `create_network("vm_unet_v2", ...)` needs to hold these weights.

    The authors' weights are the same with deep supervision and without: it is taken for used
    where their code can use it, with one class.
    """
    classes = weights["seg_outs.3.weight"].shape[0]
    return {
        "in_channels": weights["vmunet.patch_embed.proj.weight"].shape[1],
        "out_channels": classes,
        "depths": [count(weights, f"vmunet.layers.{stage}.blocks.") for stage in range(4)],
        "widths": [weights[f"Translayer_{level}.conv.weight"].shape[1] for level in range(1, 5)],
        "decoder_width": weights["Translayer_1.conv.weight"].shape[0],
        "deep_supervision": classes == 1,
    }
