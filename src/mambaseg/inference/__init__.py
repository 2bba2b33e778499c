"""The engine that hosts networks on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mambaseg.inference.doubt import Doubt
from mambaseg.inference.events import (
    Adapted,
    CancelToken,
    Chunk,
    Event,
    Finished,
    Progress,
    Rung,
)
from mambaseg.inference.memory import Estimate
from mambaseg.inference.options import Options
from mambaseg.inference.record import RunRecord

if TYPE_CHECKING:
    from mambaseg.inference.devices import available_devices, describe_device, scan_backend
    from mambaseg.inference.engine import Engine

__all__ = [
    "Adapted",
    "CancelToken",
    "Chunk",
    "Doubt",
    "Engine",
    "Estimate",
    "Event",
    "Finished",
    "Options",
    "Progress",
    "RunRecord",
    "Rung",
    "available_devices",
    "describe_device",
    "scan_backend",
]


def __getattr__(name: str) -> Any:
    # These need torch, which what passes between processes does without.
    if name == "Engine":
        from mambaseg.inference.engine import Engine

        return Engine
    if name in ("available_devices", "describe_device", "scan_backend"):
        from mambaseg.inference import devices

        return getattr(devices, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
