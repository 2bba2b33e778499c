"""Names of the weights in SegFormer, by transformers 4 and 5, as a start for Vivim."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mambaseg.zoo.arguments.counting import count
from mambaseg.zoo.arguments.vivim import backbone_arguments
from mambaseg.zoo.convert import vivim

__all__ = ["DEAD", "FINGERPRINT", "infer", "rename"]

FINGERPRINT = re.compile(
    r"^(segformer\.)?(encoder\.)?(patch_embeddings\.0|stages\.0\.patch_embeddings)\.proj\.weight$"
)
"""A key that only such a checkpoint has."""

DEAD = (
    (re.compile(r"(decode_head\.)?classifier\."), "the head for other classes"),
    (
        re.compile(r"(segformer\.)?(encoder\.layer_norm\.\d|stages\.\d\.layer_norm)\."),
        "SegFormer's norm at a stage's end, which Vivim never calls",
    ),
)
"""Patterns of weights that Vivim has no use for, each with the reason."""

_TO_4: tuple[tuple[str, str], ...] = (
    (r"^segformer\.", ""),
    (r"^encoder\.", ""),
    (r"^stages\.(\d)\.patch_embeddings\.", r"patch_embeddings.\1."),
    (r"^stages\.(\d)\.blocks\.(\d+)", r"block.\1.\2"),
    (r"\.layernorm_before\.", ".layer_norm_1."),
    (r"\.layernorm_after\.", ".layer_norm_2."),
    (r"\.attention\.q_proj\.", ".attention.self.query."),
    (r"\.attention\.k_proj\.", ".attention.self.key."),
    (r"\.attention\.v_proj\.", ".attention.self.value."),
    (r"\.attention\.o_proj\.", ".attention.output.dense."),
    (r"\.attention\.sequence_reduction\.sequence_reduction\.", ".attention.self.sr."),
    (r"\.attention\.sequence_reduction\.layer_norm\.", ".attention.self.layer_norm."),
    (r"\.mlp\.fc([12])\.", r".mlp.dense\1."),
    (r"^(patch_embeddings|block)\.", r"encoder.downsample_layers.\1."),
    (r"^decode_head\.linear_projections\.", "decoder.linear_c."),
    (r"^decode_head\.", "decoder."),
)
"""To what the authors' Vivim calls them."""


def rename(key: str) -> str:
    """Our name of a weight that SegFormer calls `key`."""
    return vivim.rename(_as_vivim(key))


def infer(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Give what `create_network("vivim", ...)` needs to hold these weights."""
    shapes = {_as_vivim(key): value.shape for key, value in weights.items()}
    encoder = "encoder.downsample_layers"
    embeddings = [shapes[f"{encoder}.patch_embeddings.{stage}.proj.weight"] for stage in range(4)]
    arguments = backbone_arguments(
        tuple(shape[0] for shape in embeddings),
        tuple(count(shapes, f"{encoder}.block.{stage}.") for stage in range(4)),
    )
    fuse = shapes.get("decoder.linear_fuse.weight")
    if fuse is not None:
        arguments["decoder_width"] = fuse[0]
    return {**arguments, "in_channels": embeddings[0][1]}


def _as_vivim(key: str) -> str:
    for pattern, replacement in _TO_4:
        key = re.sub(pattern, replacement, key)
    return key
