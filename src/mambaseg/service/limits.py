"""How much memory a process may hold, so that a job and not the desktop runs out of it.

Linux alone enforces such a limit by the address space. On macOS and Windows there is none.
"""

from __future__ import annotations

import sys

import psutil

from mambaseg.service.events import MemoryUse

__all__ = ["limit_memory", "memory_use", "parse_size"]

_GIB = 2**30
_LEAST = 512 * 2**20
_UNITS = {"": _GIB, "G": _GIB, "GB": _GIB, "GIB": _GIB, "M": 2**20, "MB": 2**20, "MIB": 2**20}


def parse_size(text: str) -> int:
    """Read a size in bytes such as "6", "6 GB" or "800 MB"; a number alone is in GB.

    Raises
    ------
    ValueError
        If it is none.
    """
    number = text.strip().rstrip("GIMBgimb ")
    unit = text.strip()[len(number) :].strip().upper()
    if unit not in _UNITS or not float(number) > 0:
        raise ValueError(f"{text!r} is not a size such as '6 GB'.")
    return round(float(number) * _UNITS[unit])


def memory_use(limit: int | None) -> MemoryUse:
    """Say what this process holds."""
    return MemoryUse(psutil.Process().memory_info().rss, limit)


def limit_memory(wanted: int | None) -> int | None:
    """Let this process hold no more than so much from now on.

    Parameters
    ----------
    wanted : int or None
        Bytes, of which there are at least 512 MiB more than it holds already; None
        for what it holds and all that is free but a tenth, which is at least 1 GiB.

    Returns
    -------
    int or None
        The limit; None where none can be set.
    """
    import torch

    # CUDA maps the device's memory into the address space, too.
    if sys.platform != "linux" or torch.cuda.is_available():
        return None
    import resource

    import scipy.linalg  # noqa: F401 - numba loads it, and its BLAS waits forever for memory

    from mambaseg.inference.free_memory import free_bytes

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))  # so that the last one doesn't count
    now, free = psutil.Process().memory_info(), free_bytes(torch.device("cpu"))
    limit: int = wanted or now.rss + max(free // 2, free - max(free // 10, _GIB))
    limit = max(limit, now.rss + _LEAST)
    soft = now.vms - now.rss + limit  # what is mapped counts, which is more than what is held
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return limit
