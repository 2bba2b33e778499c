"""Arguments of Vivim from the authors' keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mambaseg.networks.vivim.model import BACKBONES
from mambaseg.types.errors import IncompatibleWeightsError
from mambaseg.zoo.arguments.counting import count

__all__ = ["backbone_arguments", "infer"]


def infer(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Give what `create_network("vivim", ...)` needs to hold these weights."""
    encoder = "encoder.downsample_layers"
    embeddings = [
        weights[f"{encoder}.patch_embeddings.{stage}.proj.weight"].shape for stage in range(4)
    ]
    arguments = backbone_arguments(
        tuple(shape[0] for shape in embeddings),
        tuple(count(weights, f"{encoder}.block.{stage}.") for stage in range(4)),
    )
    return {
        **arguments,
        "in_channels": embeddings[0][1],
        "out_channels": weights["out.weight"].shape[0],
        "decoder_width": weights["decoder.linear_fuse.weight"].shape[0],
        "edge_head": "edgeocr_cls_head.weight" in weights,
    }


def backbone_arguments(widths: tuple[int, ...], depths: tuple[int, ...]) -> dict[str, Any]:
    """Name the Mix Transformer of these widths and depths.

    Raises
    ------
    IncompatibleWeightsError
        If none has these depths.
    """
    fitting = [name for name, known in BACKBONES.items() if known.depths == depths]
    exact = [name for name in fitting if BACKBONES[name].widths == widths]
    if exact:
        return {"backbone": exact[0]}
    if not fitting:
        raise IncompatibleWeightsError(
            f"The checkpoint's Mix Transformer has {depths} blocks in its stages; those of "
            f"{', '.join(BACKBONES)} have {[known.depths for known in BACKBONES.values()]}: it is "
            "of another network."
        )
    return {"backbone": fitting[0], "widths": list(widths)}
