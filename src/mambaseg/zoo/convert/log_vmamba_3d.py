"""Names of the weights in the authors' LoG-VMamba 3D (github.com/Oulu-IMEDS/LoG-VMamba)."""

from __future__ import annotations

import re

from mambaseg.zoo.convert.log_vmamba_2d import UNFOLD, rename_tokens

__all__ = ["DEAD", "FINGERPRINT", "rename"]

FINGERPRINT = "encoder.mamba_layers.0.mamba.ln.weight"
"""A key that only such a checkpoint has."""

_ALIAS = "alias: a second name of a weight that is taken under its first"

DEAD = (
    (re.compile(r"decoder\.encoder\."), _ALIAS),
    (re.compile(r".*\.all_modules\.[01]\."), _ALIAS),
    UNFOLD,
)
"""Patterns of weights that are not taken over, each with the reason."""

_RENAMES: tuple[tuple[str, str], ...] = (
    (r"\.(conv|norm)([12])\.(conv|norm)\.", r".\3\2."),
    (r"\.conv3\.", r".shortcut."),
    (r"^encoder\.mamba_layers\.(\d)\.mamba\.ln\.", r"mixers.\1.norm."),
    (r"^encoder\.mamba_layers\.(\d)\.mamba\.", r"mixers.\1."),
    (r"^encoder\.(stem|stages)\.", r"\1."),
    (r"^decoder\.stages\.", r"decoder_stages."),
    (r"^decoder\.upsample_layers\.", r"upsamplings."),
    (r"^upsample\.", r"last_upsampling."),
    (r"^conv\.", r"last_block."),
    (r"^seg_layer\.", r"head."),
)


def rename(key: str) -> str:
    """Our name of a weight that the authors call `key`."""
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return rename_tokens(key)
