"""The scan as Triton kernels, for NVIDIA and AMD GPUs; under TRITON_INTERPRET=1 on a CPU too."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import version

import torch

from mambaseg.ops.operators import Operators, register
from mambaseg.ops.unavailable import BrokenError, UnavailableError

__all__ = ["explain", "interpreted", "load"]

OLDEST = (3, 3)
"""First version of Triton whose kernels take tuples."""

OLDEST_CARD = (7, 0)
"""First compute capability for which Triton compiles."""

_INSTEAD = "the portable scan, which is slow, is used instead"


def interpreted() -> bool:
    """Whether Triton's interpreter runs the kernels, on tensors of a CPU."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def load() -> Operators:
    """Make the operators.

    Raises
    ------
    UnavailableError
        If there is no GPU.
    BrokenError
        If Triton is missing or too old for it, or the GPU is.
    """
    if not interpreted():
        _check_card()
    try:
        import triton
    except ModuleNotFoundError as error:
        raise BrokenError(
            f"Triton is not installed; {_INSTEAD}; torch's own builds for NVIDIA and AMD GPUs on "
            "Linux bring it"
        ) from error
    if tuple(int(part) for part in triton.__version__.split(".")[:2]) < OLDEST:
        raise BrokenError(
            f"Triton {triton.__version__} is older than {OLDEST[0]}.{OLDEST[1]}; {_INSTEAD}; a "
            "newer torch brings a newer one"
        )
    from mambaseg.ops.triton import backend

    return register("triton", backend, keeps=True, device=None)


def _check_card() -> None:
    if not torch.cuda.is_available():
        raise UnavailableError("torch finds no NVIDIA or AMD GPU here")
    if torch.version.hip is None and torch.cuda.get_device_capability() < OLDEST_CARD:
        major, minor = torch.cuda.get_device_capability()
        raise BrokenError(
            f"{torch.cuda.get_device_name()} has compute capability {major}.{minor}, and Triton "
            f"compiles for {OLDEST_CARD[0]}.{OLDEST_CARD[1]} and newer; {_INSTEAD}"
        )


def explain(error: Exception) -> str:
    """Say in a sentence that Triton was loaded, and failed where it was tried."""
    found = next(iter(str(error).splitlines()), "") or type(error).__name__
    if shutil.which("cc") is None and shutil.which("gcc") is None and shutil.which("clang") is None:
        found = f"no C compiler is here, which it needs at its first use: {found}"
    return (
        f"Triton {version('triton')} fails on this machine ({found}); {_INSTEAD}; to mend it, "
        "install a C compiler and Python's headers (Debian, Ubuntu: apt install gcc python3-dev), "
        "or a newer torch where those are there"
    )
