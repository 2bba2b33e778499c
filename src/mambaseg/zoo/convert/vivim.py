"""Names of the weights in the authors' Vivim (github.com/scott-yjyang/Vivim)."""

from __future__ import annotations

import re

from mambaseg.zoo.convert.bimamba import rename_bimamba

__all__ = ["DEAD", "FINGERPRINT", "rename"]

FINGERPRINT = "encoder.downsample_layers.patch_embeddings.0.proj.weight"
"""A key that only such a checkpoint has."""

DEAD = (
    (re.compile(r"decoder\.classifier\."), "SegFormer's own 150-class head, never called"),
    (
        re.compile(r"encoder\.downsample_layers\.layer_norm\.\d"),
        "SegFormer's norm at a stage's end, never called",
    ),
)
"""Patterns of weights that the authors' network holds and never uses, each with the reason."""

_RENAMES: tuple[tuple[str, str], ...] = (
    (r"^encoder\.downsample_layers\.patch_embeddings\.(\d)\.proj", r"stages.\1.patch_embed.proj"),
    (
        r"^encoder\.downsample_layers\.patch_embeddings\.(\d)\.layer_norm",
        r"stages.\1.patch_embed.norm",
    ),
    (r"^encoder\.downsample_layers\.block\.(\d)\.(\d+)", r"stages.\1.blocks.\2"),
    (r"\.layer_norm_([12])\.", r".norm\1."),
    (r"\.attention\.self\.(query|key|value)\.", r".attn.\1."),
    (r"\.attention\.self\.sr\.", r".attn.reduce."),
    (r"\.attention\.self\.layer_norm\.", r".attn.reduce_norm."),
    (r"\.attention\.output\.dense\.", r".attn.proj."),
    (r"\.mlp\.dense([12])\.", r".mlp.fc\1."),
    (r"\.dwconv\.dwconv\.", r".dwconv."),
    (r"^encoder\.stages\.(\d)\.(\d)\.0\.", r"stages.\1.temporal_blocks.\2."),
    (r"^decoder\.linear_c\.(\d)\.proj", r"decoder.projections.\1"),
    (r"^decoder\.linear_fuse", r"decoder.fuse"),
    (r"^decoder\.batch_norm", r"decoder.norm"),
    (r"^out\.", r"decoder.head."),
    (r"^edgeocr_cls_head\.", r"edge_head."),
)


def rename(key: str) -> str:
    """Our name of a weight that the authors call `key`."""
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return rename_bimamba(key)
