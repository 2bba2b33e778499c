"""Arguments of LoG-VMamba in 2D and 3D from the authors' keys.

How local and global tokens are mixed leaves no trace in the weights, and of the image's size
only the area: the authors' mixing and equal sides are taken, unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mambaseg.types.errors import IncompatibleWeightsError
from mambaseg.zoo.arguments.counting import count

__all__ = ["infer_2d", "infer_3d"]


def infer_2d(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Give what `create_network("log_vmamba_2d", ...)` needs to hold these weights."""
    embedding = weights["vssm_encoder.patch_embed.proj.weight"]
    dim = embedding.shape[0]
    blocks = [f"decoder.stages.{stage}.blocks.0.self_attention" for stage in range(3)]
    arguments = {
        "in_channels": embedding.shape[1],
        "out_channels": weights["decoder.seg_layers.3.weight"].shape[0],
        "widths": [dim << stage for stage in range(4)],
        "depths": [count(weights, f"vssm_encoder.layers.{stage}.blocks.") for stage in range(4)],
        "local_tokens": f"{blocks[0]}.fold.weight" in weights,
        "global_tokens": f"{blocks[0]}.depth_fc.weight" in weights,
        "scan_directions": weights[f"{blocks[0]}.x_proj_weight"].shape[0],
    }
    if arguments["global_tokens"]:
        arguments["squeeze"] = [weights[f"{block}.depth_conv.weight"].shape[1] for block in blocks]
        positions = weights[f"{blocks[0]}.depth_fc.weight"].shape[1]
        arguments["image_size"] = [32 * _root(positions, 2)] * 2
    return arguments


def infer_3d(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Give what `create_network("log_vmamba_3d", ...)` needs to hold these weights."""
    mixers = [f"encoder.mamba_layers.{stage}.mamba.self_attention" for stage in range(5)]
    stem = weights["encoder.stem.0.conv1.weight"]
    inner, dim = weights[f"{mixers[3]}.in_proj.weight"].shape
    arguments = {
        "in_channels": stem.shape[1],
        "out_channels": weights["seg_layer.weight"].shape[0],
        "widths": [weights[f"encoder.stages.{i}.0.conv1.weight"].shape[0] for i in range(5)],
        "expand": inner // (2 * dim),
        "local_tokens": f"{mixers[1]}.fold.weight" in weights,
        "global_tokens": f"{mixers[1]}.depth_fc.weight" in weights,
        "scan_directions": weights[f"{mixers[1]}.x_proj_weight"].shape[0],
    }
    if arguments["global_tokens"]:
        arguments["squeeze"] = [weights[f"{m}.depth_conv.weight"].shape[1] for m in mixers[1:]]
        positions = weights[f"{mixers[1]}.depth_fc.weight"].shape[1]
        arguments["image_size"] = [16 * _root(positions, 3)] * 3
    return arguments


def _root(positions: int, dimensions: int) -> int:
    root: int = round(positions ** (1 / dimensions))
    if root**dimensions != positions:
        raise IncompatibleWeightsError(
            f"The checkpoint's global tokens have {positions} positions, which are no square or "
            "cube: say the image size that it was built for, as the argument image_size."
        )
    return root
