"""What went wrong on a device, told from its errors."""

from __future__ import annotations

import torch

__all__ = ["is_device_lost", "is_out_of_memory"]

_SHORT = (
    "allocate memory",
    "out of memory",
    "alloc_cpu",
    "Cannot allocate",
    "bad_alloc",
    "could not create a primitive",  # oneDNN, which has room for neither code nor scratch
    "could not create a memory",
    "can't start new thread",  # no room for its stack
)
_LOST = (
    "CUDA error",
    "CUDA driver",
    "cuDNN error",
    "device lost",
    "device-side",
    "MPS backend",
    "AcceleratorError",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice, on a device or, as numpy and torch say it, on the CPU."""
    # On the CPU torch raises a plain RuntimeError, told by its text alone.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in _SHORT
    )


def is_device_lost(error: BaseException) -> bool:
    """Whether the device itself has failed: it was unplugged, reset, or a kernel broke it."""
    return isinstance(error, getattr(torch, "AcceleratorError", ())) or any(
        words in str(error) for words in _LOST
    )
