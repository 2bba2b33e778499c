"""Which backends run on this machine, and which one computes a call."""

from __future__ import annotations

import functools
import logging
import os
from typing import NamedTuple

import torch

from mambaseg.ops import selftest, torch_backend
from mambaseg.ops.operators import Operators, register

__all__ = ["BackendStatus", "available_backends", "backend_status", "choose", "default_backend"]

_log = logging.getLogger(__name__)

ENVIRONMENT_VARIABLE = "MAMBASEG_SCAN"

_NAMES = ("cpu", "torch")  # best first
_DEVICES = {"cpu": "cpu"}  # the others run on any


class BackendStatus(NamedTuple):
    """Whether a backend of the scan runs on this machine.

    Attributes
    ----------
    name : str
    works : bool
    reason : str
        Why it does not; empty if it does.
    """

    name: str
    works: bool
    reason: str


_TORCH = register("torch", torch_backend, keeps=False, device=None)


_loaded = {"torch": _TORCH}


def load(name: str) -> Operators:
    """Operators of a backend; an ImportError says what it lacks."""
    if name not in _loaded:
        from mambaseg.ops.cpu import OPERATORS

        _loaded["cpu"] = OPERATORS
    return _loaded[name]


@functools.cache
def _status(name: str) -> BackendStatus:
    reason = ""
    try:
        if name != "torch":
            selftest.check(name, load(name), _TORCH)
    except Exception as error:  # whatever it is, the portable backend still runs
        reason = f"{type(error).__name__}: {error}"
        _log.warning("the scan's backend %r is not used on this machine: %s", name, reason)
    return BackendStatus(name, not reason, reason)


def backend_status() -> list[BackendStatus]:
    """Say of every backend of the scan, best first, whether it runs here, and why not.

    At a backend's first use on a machine it must meet the portable one's numbers in float64.
    That it did is remembered, for the versions it ran with, in the user's cache folder.
    """
    return [_status(name) for name in _NAMES]


def available_backends() -> list[str]:
    """Names of the scan's backends that run on this machine, best first."""
    return [status.name for status in backend_status() if status.works]


def default_backend(device: torch.device | str) -> str:
    """Name of the backend that computes on a device unless told otherwise."""
    return _choose(torch.device(device).type, "float32", os.environ.get(ENVIRONMENT_VARIABLE))


def choose(device: torch.device, dtype: torch.dtype, backend: str | None) -> Operators:
    """Operators for a call.

    Parameters
    ----------
    device : torch.device
    dtype : torch.dtype
        Of the input: float64 is always computed by "torch".
    backend : str, optional
        The caller's wish; without one that of the environment variable MAMBASEG_SCAN, and
        without that the best that runs on the device.

    Raises
    ------
    ValueError
        If the backend does not run here, or not on this device.
    """
    wish = backend or os.environ.get(ENVIRONMENT_VARIABLE)
    # By names alone, which a compiler can take for constants.
    return _loaded[_choose(device.type, str(dtype).removeprefix("torch."), wish)]


def _choose(device: str, dtype: str, wish: str | None) -> str:
    if wish:
        if wish not in _NAMES:
            raise ValueError(f"there is no backend {wish!r}; {available_backends()} run here.")
        status = _status(wish)
        if not status.works:
            raise ValueError(
                f"backend {wish!r} does not run here ({status.reason}); {available_backends()} do."
            )
        if _DEVICES.get(wish, device) != device:
            raise ValueError(
                f"backend {wish!r} computes on {_DEVICES[wish]!r}; the input lies on {device!r}."
            )
    if dtype == "float64":
        return "torch"
    if wish:
        return wish
    fitting = (name for name in _NAMES if _DEVICES.get(name, device) == device)
    return next(name for name in fitting if _status(name).works)


# A compiler is to ask now, and keep the answer. `torch.compiler.assume_constant_result` sets the
# same mark, but loads the whole compiler for it, which takes longer than all else here.
_choose._dynamo_marked_constant = True  # type: ignore[attr-defined]
