"""The ways in which the engine gives way, in the order in which it tries them."""

from __future__ import annotations

from typing import Literal

__all__ = ["Rung"]

Rung = Literal[
    "smaller_batch",
    "bfloat16",
    "buffered",
    "stitch_on_cpu",
    "smaller_window",
    "network_on_cpu",
    "float32",
    "as_stored",
]
"""The last but one follows values that are not finite, and the last one a volume that does not say
how large its voxels are or how they lie; the others follow a lack of memory."""
