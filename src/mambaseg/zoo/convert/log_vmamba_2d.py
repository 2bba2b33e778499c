"""Names of the weights in the authors' LoG-VMamba 2D (github.com/Oulu-IMEDS/LoG-VMamba)."""

from __future__ import annotations

import re

from mambaseg.zoo.convert.vmamba_blocks import rename_block

__all__ = ["DEAD", "FINGERPRINT", "UNFOLD", "rename", "rename_tokens"]

FINGERPRINT = "vssm_encoder.patch_embed.proj.weight"
"""A key that only such a checkpoint has."""

UNFOLD = (
    re.compile(r".*\.unfold\.weight$"),
    "a frozen kernel that copies neighbours, which needs no weights here",
)
"""What both networks hold for their local tokens, and the reason to leave it out."""

DEAD = (
    UNFOLD,
    (
        re.compile(r"decoder\.seg_layers\.[012]\."),
        "heads of coarse scales, which have no effect without deep supervision",
    ),
)
"""Patterns of weights that the authors' network holds and may not use, each with the reason."""

_RENAMES: tuple[tuple[str, str], ...] = (
    (r"^vssm_encoder\.patch_embed\.", r"encoder.patch_embedding."),
    (r"^vssm_encoder\.layers\.(\d)\.blocks\.", r"encoder.stages.\1."),
    (r"^vssm_encoder\.downsamples\.", r"encoder.merges."),
    (r"^decoder\.expand_layers\.3\.", r"decoder.head."),
    (r"^decoder\.seg_layers\.3\.", r"decoder.head.head."),
    (r"^decoder\.expand_layers\.(\d)\.(expand\.)?", r"decoder.stages.\1.expand.\2"),
    (r"^decoder\.concat_back_dim\.(\d)\.", r"decoder.stages.\1.join."),
    (r"^decoder\.seg_layers\.", r"decoder.auxiliary_heads."),
)


def rename_tokens(key: str) -> str:
    """Our name of a weight of a block with local and global tokens."""
    key = key.replace("depth_conv.", "global_tokens.conv.").replace("conv3d.", "conv.")
    return rename_block(key.replace("depth_fc.", "global_tokens.proj."))


def rename(key: str) -> str:
    """Our name of a weight that the authors call `key`."""
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return rename_tokens(key)
