"""Names of the weights in VMamba's classifiers, as a start for networks that encode with it.

The first version's tiny, small and base (github.com/MzeroMiko/VMamba), alone or as the encoder
in the authors' networks: those who begin with them copy what fits and ignore the rest. With the
default depths, the small one's 27 blocks of the third stage thus fill the first nine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mambaseg.zoo.convert.vmamba_blocks import rename_block

__all__ = ["DEAD", "FINGERPRINT", "infer", "rename"]

FINGERPRINT = re.compile(r"^layers\.0\.blocks\.0\.self_attention\.A_logs$")
"""A key that only such a checkpoint has."""

DEAD = (
    (re.compile(r"norm\."), "the norm ahead of VMamba's classifier"),
    (re.compile(r"(classifier\.)?head\."), "VMamba's classifier"),
)
"""Patterns of weights that no segmentation network has use for, each with the reason."""

_RENAMES: tuple[tuple[str, str], ...] = (
    (r"^patch_embed\.", r"encoder.patch_embedding."),
    (r"^layers\.(\d)\.blocks\.", r"encoder.stages.\1."),
    (r"^layers\.(\d)\.downsample\.", r"encoder.merges.\1."),
)


def rename(key: str) -> str:
    """Our name of a weight that VMamba calls `key`."""
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return rename_block(key)


def infer(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Give what `create_network` needs so that these weights fit; depths stay the network's."""
    norms = [f"layers.{stage}.blocks.0.ln_1.weight" for stage in range(4)]
    return {
        "in_channels": weights["patch_embed.proj.weight"].shape[1],
        "widths": [weights[norm].shape[0] for norm in norms],
    }
