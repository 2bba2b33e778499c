"""Which backends run on this machine, and which one computes a call."""

from __future__ import annotations

import functools
import logging
import os
import threading
from typing import NamedTuple

import torch

from mambaseg.ops import mamba_ssm, selftest, torch_backend
from mambaseg.ops import triton as triton_backend
from mambaseg.ops.operators import Operators, register
from mambaseg.ops.unavailable import BrokenError, UnavailableError

__all__ = ["BackendStatus", "available_backends", "backend_status", "choose", "default_backend"]

_log = logging.getLogger(__name__)

ENVIRONMENT_VARIABLE = "MAMBASEG_SCAN"

_NAMES = ("mamba_ssm", "triton", "cpu", "torch")  # best first
_DEVICES = {"mamba_ssm": "cuda", "triton": "cuda", "cpu": "cpu"}  # the others run on any
_MEASURED = ("mamba_ssm", "triton")  # which is faster depends on the shape


class BackendStatus(NamedTuple):
    """Whether a backend of the scan runs on this machine.

    Attributes
    ----------
    name : str
    works : bool
    reason : str
        Why it does not; or what of it another one does. Empty if all is well.
    """

    name: str
    works: bool
    reason: str


_TORCH = register("torch", torch_backend, keeps=False, device=None)


_loaded = {"torch": _TORCH}
_notes: dict[str, str] = {}  # what of a backend that works another one does
_first_use = threading.RLock()  # operators can be registered once, and a test takes the device


def load(name: str) -> Operators:
    """Operators of a backend; an ImportError says what it lacks."""
    with _first_use:
        if name not in _loaded:
            _loaded[name] = _load(name)
        return _loaded[name]


def _load(name: str) -> Operators:
    if name == "triton":
        return triton_backend.load()
    if name == "mamba_ssm":
        operators, _notes[name] = mamba_ssm.load()
        if _notes[name] and _status("triton").works:
            return operators._replace(conv=load("triton").conv)
        return operators
    from mambaseg.ops.cpu import OPERATORS

    return OPERATORS


def _device(name: str) -> str | None:
    """Type of device on which a backend runs; None for any."""
    if name == "triton" and triton_backend.interpreted():
        return "cpu"
    return _DEVICES.get(name)


@functools.cache
def _status(name: str) -> BackendStatus:
    with _first_use:
        return _tried(name)


def _tried(name: str) -> BackendStatus:
    try:
        operators = load(name)
        if name != "torch":
            selftest.check(name, operators, _TORCH, torch.device(_device(name) or "cpu"))
        return BackendStatus(name, True, _notes.get(name, ""))
    except UnavailableError as error:
        _log.info("the scan's backend %r does not run on this machine: %s", name, error)
        return BackendStatus(name, False, str(error))
    except torch.OutOfMemoryError:  # says nothing of the backend
        raise
    except Exception as error:  # whatever it is, the portable backend still runs
        reason = _explain(name, error)
        _log.warning("the scan's backend %r is not used on this machine: %s", name, reason)
        return BackendStatus(name, False, reason)


def _explain(name: str, error: Exception) -> str:
    if isinstance(error, BrokenError):
        return str(error)
    if name == "mamba_ssm":
        return mamba_ssm.explain(error)
    if name == "triton":
        return triton_backend.explain(error)
    return f"{type(error).__name__}: {error}"


@functools.cache
def _check_portable(device: str) -> None:
    """Look once whether PyTorch's own operators compute rightly on a device other than a CPU."""
    try:
        selftest.check("torch", _TORCH, _TORCH, torch.device(device))
    except selftest.SelfTestError as error:
        _log.warning(
            "the portable scan is wrong on the device %r (%s); choose the device cpu, and report "
            "this with what mambaseg info prints",
            device,
            error,
        )
    except Exception as error:  # the call itself, which comes next, tells it better
        _log.info("the portable scan could not be tested on the device %r: %s", device, error)


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
    """Name of the backend that computes on a device unless told otherwise.

    Where two do, each the shapes for which it was measured to be faster, both are named.
    """
    kind = torch.device(device).type
    wish = os.environ.get(ENVIRONMENT_VARIABLE)
    if not wish and _is_measured(kind):
        return " or ".join(_MEASURED)
    return _choose(kind, "float32", wish)


def choose(
    device: torch.device,
    dtype: torch.dtype,
    backend: str | None,
    shape: tuple[int, ...] | None = None,
) -> Operators:
    """Operators for a call.

    Parameters
    ----------
    device : torch.device
    dtype : torch.dtype
        Of the input: float64 is always computed by "torch".
    backend : str, optional
        The caller's wish; without one that of the environment variable MAMBASEG_SCAN, and
        without that the best that runs on the device.
    shape : tuple of int, optional
        Directions, B, L and D of a scan. Where mamba-ssm and Triton both run, the first call of
        its class on a device measures which is faster.

    Raises
    ------
    ValueError
        If the backend does not run here, or not on this device.
    """
    wish = backend or os.environ.get(ENVIRONMENT_VARIABLE)
    # By names alone, which a compiler can take for constants.
    name = _choose(device.type, str(dtype).removeprefix("torch."), wish)
    free = not wish and dtype != torch.float64 and not torch.compiler.is_compiling()
    if shape is not None and free and _is_measured(device.type):
        from mambaseg.ops.measure import fastest

        name = fastest(device, dtype, shape, {n: _loaded[n] for n in _MEASURED}) or name
    return _loaded[name]


def _is_measured(kind: str) -> bool:
    return kind == "cuda" and all(_status(name).works for name in _MEASURED)


def _choose(device: str, dtype: str, wish: str | None) -> str:
    if wish:
        if wish not in _NAMES:
            raise ValueError(f"there is no backend {wish!r}; {available_backends()} run here.")
        status = _status(wish)
        if not status.works:
            raise ValueError(
                f"backend {wish!r} does not run here ({status.reason}); {available_backends()} do."
            )
        if (_device(wish) or device) != device:
            raise ValueError(
                f"backend {wish!r} computes on {_device(wish)!r}; the input lies on {device!r}."
            )
    if dtype == "float64":
        return "torch"
    if wish:
        return wish
    if mamba_ssm.installed():
        _status("mamba_ssm")  # who installed it is told if it does not work, on any device
    # The interpreter is for tests, which ask for it.
    fitting = (name for name in _NAMES if _DEVICES.get(name, device) == device)
    best = next(name for name in fitting if _status(name).works)
    if best == "torch" and device != "cpu":
        _check_portable(device)
    return best


# A compiler is to ask now, and keep the answer. `torch.compiler.assume_constant_result` sets the
# same mark, but loads the whole compiler for it, which takes longer than all else here.
_choose._dynamo_marked_constant = True  # type: ignore[attr-defined]
