"""Which device computes."""

from __future__ import annotations

import platform
from collections.abc import Collection

import torch

from mambaseg.ops import default_backend
from mambaseg.types.errors import UnknownNameError

__all__ = ["available_devices", "describe_device", "resolve_device", "scan_backend"]


def available_devices() -> list[str]:
    """Names that `resolve_device` takes on this machine, fastest first."""
    cuda = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    xpu = [f"xpu:{i}" for i in range(torch.xpu.device_count())]
    return [*cuda, *xpu, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def resolve_device(
    name: str, kinds: Collection[str] = ("cuda", "xpu", "mps", "cpu")
) -> torch.device:
    """Turn a name into a device that works here.

    Parameters
    ----------
    name : str
        "auto" for the fastest, or a device such as "cuda", "cuda:1", "xpu", "mps" or
        "cpu".
    kinds : collection of str
        Types of devices that will do.

    Raises
    ------
    UnknownNameError
        If there is no such device here.
    """
    devices = [one for one in available_devices() if one.partition(":")[0] in kinds]
    if name == "auto":
        return torch.device(devices[0])
    if name not in devices and f"{name}:0" not in devices:
        raise UnknownNameError(
            f"There is no device {name!r} for this work here; there are {devices}. "
            'Use one of them, or "auto".'
        )
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """Name a device for people, for example "cuda:0 (NVIDIA RTX 4090)"."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "xpu":
        return f"{device} ({torch.xpu.get_device_name(device)})"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu ({platform.machine()}, {threads} {'thread' if threads == 1 else 'threads'})"
    return str(device)


def scan_backend(device: torch.device) -> str:
    """Name the backend of the selective scan that computes on a device.

    Raises
    ------
    UnknownNameError
        If the environment variable MAMBASEG_SCAN names one that does not run here.
    """
    try:
        return default_backend(device)
    except ValueError as error:
        raise UnknownNameError(
            f"The environment variable MAMBASEG_SCAN does not fit: {error} Set it to one of "
            "these, or unset it."
        ) from error
