"""The engine that hosts networks on a device."""

from mambaseg.inference.devices import available_devices, describe_device, scan_backend
from mambaseg.inference.engine import Engine, Options
from mambaseg.inference.events import CancelToken, Chunk, Event, Finished, Progress

__all__ = [
    "CancelToken",
    "Chunk",
    "Engine",
    "Event",
    "Finished",
    "Options",
    "Progress",
    "available_devices",
    "describe_device",
    "scan_backend",
]
