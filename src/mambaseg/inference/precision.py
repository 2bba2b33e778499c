"""In which precision a network computes."""

from __future__ import annotations

import torch

from mambaseg.inference.settings import Precision

__all__ = ["computes_bfloat16", "precision_for"]


def computes_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bf16 numbers itself: CUDA's do, and CPUs with AMX or AVX512-BF16.

    There no network of ours was slower than in float32, and most took half the time (RESULTS.md).
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    # torch has no public name for these.
    return any(
        getattr(torch.cpu, name, bool)()
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )


def precision_for(device: torch.device, wanted: Precision | None = None) -> Precision:
    """Choose a precision: the one that is wanted, else bf16 where the device computes it."""
    return wanted or ("bfloat16" if computes_bfloat16(device) else "float32")
