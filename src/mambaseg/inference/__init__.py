"""The engine that hosts networks on a device."""

from mambaseg.inference.devices import available_devices, describe_device, scan_backend
from mambaseg.inference.engine import Engine
from mambaseg.inference.events import CancelToken, Chunk, Event, Finished, Progress
from mambaseg.inference.options import Options

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
