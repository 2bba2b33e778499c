"""Names of weights inside VMamba's blocks, which several authors' repositories share."""

from __future__ import annotations

__all__ = ["rename_block"]

_PARTS = {
    "ln_1.": "norm.",
    "self_attention.": "mixer.",
    "conv2d.": "conv.",
    "x_proj_weight": "scan.x_proj_weight",
    "dt_projs_weight": "scan.dt_proj_weight",
    "dt_projs_bias": "scan.dt_proj_bias",
    "A_logs": "scan.A_log",
    "Ds": "scan.D",
}


def rename_block(key: str) -> str:
    """Our name of a weight of a VSS block, or of a whole network with such blocks."""
    for theirs, ours in _PARTS.items():
        key = key.replace(theirs, ours)
    return key
