"""How much memory a device has left for us."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

__all__ = ["free_bytes"]

_CGROUPS = Path("/sys/fs/cgroup")


def free_bytes(device: torch.device) -> int:
    """Say how much a device has left, in bytes; for the CPU under every limit that is set."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + unused
    if device.type == "xpu":
        unused = torch.xpu.memory_reserved(device) - torch.xpu.memory_allocated(device)
        return torch.xpu.mem_get_info(device)[0] + unused
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    available: int = psutil.virtual_memory().available
    return max(0, min([available, *_control_groups(), *_address_space()]))


def _address_space() -> Iterator[int]:
    """Give what the process's own limit leaves (`ulimit -v`)."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        yield limit - psutil.Process().memory_info().vms


def _control_groups() -> Iterator[int]:
    """Give what Linux's control groups leave: containers and batch systems set their limits."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if not controllers:
            files = ("", "memory.max", "memory.current", "inactive_file ")
        elif "memory" in controllers.split(","):
            files = ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_f")
        else:
            continue
        root, limit, usage, cached = files
        for folder in (_CGROUPS / root / name.lstrip("/"), _CGROUPS / root):
            try:
                held = int((folder / usage).read_text()) - _figure(folder / "memory.stat", cached)
                yield int((folder / limit).read_text()) - held
            except (OSError, ValueError):  # none here, or "max"
                continue


def _figure(path: Path, name: str) -> int:
    """Give a figure of a file of names and figures; pages that can be dropped at once are free."""
    found = (line for line in path.read_text().splitlines() if line.startswith(name))
    return next((int(line.split()[-1]) for line in found), 0)
