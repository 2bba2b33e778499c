"""How much memory a process may hold, so that a job and not the desktop runs out of it.

Linux alone enforces such a limit by the address space. On macOS and Windows there is none.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mambaseg.service.events import MemoryUse

__all__ = ["limit_memory", "memory_use", "parse_size"]

_GIB = 2**30
_LEAST = 256 * 2**20
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
    return MemoryUse(_held()[1], limit)


def limit_memory(wanted: int | None) -> int | None:
    """Let this process hold no more than so much from now on.

    Parameters
    ----------
    wanted : int or None
        Bytes, of which there are at least 256 MiB more than it holds already; None
        for what it holds and all that is free but a tenth, which is at least 1 GiB.

    Returns
    -------
    int or None
        The limit; None where none can be set.
    """
    if sys.platform != "linux" or _uses_cuda():
        return None
    import resource

    import scipy.linalg  # noqa: F401 - numba loads it, and its BLAS waits forever for memory

    mapped, held = _held()
    free = _free()
    limit = wanted or held + max(free // 2, free - max(free // 10, _GIB))
    limit = max(limit, held + _LEAST)
    # What is mapped counts, and libraries map more than they hold.
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = mapped - held + limit
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return limit


def _uses_cuda() -> bool:
    """Whether device memory, too, is mapped into this process."""
    import torch

    return torch.cuda.is_available()


def _held() -> tuple[int, int]:
    """Bytes that are mapped, and those that are in memory."""
    try:
        import resource
    except ImportError:  # Windows
        return 0, 0
    try:
        mapped, held = Path("/proc/self/statm").read_text(encoding="ascii").split()[:2]
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak, peak
    return int(mapped) * resource.getpagesize(), int(held) * resource.getpagesize()


def _free() -> int:
    """Bytes that could be had without swapping."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 4 * _GIB
