"""The kernels of the packages mamba-ssm and causal-conv1d, where they are installed and work.

Both are compiled for one version of torch and of CUDA, so what can be wrong with them is looked
for one by one. Each finding is one sentence: what is wrong, what is used instead, how to mend it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

import torch

from mambaseg.ops.operators import Operators, register
from mambaseg.ops.unavailable import BrokenError, UnavailableError

__all__ = ["explain", "find_conv", "find_scan", "installed", "load"]

_log = logging.getLogger(__name__)

_INSTEAD = "mambaseg's own kernels are used instead"
_INSTALL = "pip install --no-build-isolation 'mambaseg[cuda]' adds it"
_REBUILD = (
    "MAMBA_FORCE_BUILD=TRUE MAMBA_KEEP_CUDA_BUILD=TRUE "
    "pip install --no-build-isolation --force-reinstall --no-deps mamba-ssm"
)
_REBUILD_CONV = (
    "CAUSAL_CONV1D_FORCE_BUILD=TRUE "
    "pip install --no-build-isolation --force-reinstall --no-deps causal-conv1d"
)
_MODULES = {"mamba_ssm", "selective_scan_cuda", "causal_conv1d", "causal_conv1d_cuda"}
_SCAN_ARGUMENTS = ["u", "delta", "A", "B", "C", "D", "z", "delta_bias", "delta_softplus"]
_CONV_ARGUMENTS = ["x", "weight", "bias", "activation"]


def installed() -> bool:
    """Whether either package is there, working or not; nothing is imported."""
    return _is_there("mamba_ssm") or _is_there("causal_conv1d")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return True


def find_scan() -> Callable[..., Any]:
    """Give mamba-ssm's `selective_scan_fn`.

    Raises
    ------
    UnavailableError
        If neither package is installed.
    BrokenError
        If mamba-ssm alone is not, or does not work.
    """
    if not _is_there("mamba_ssm"):
        missing = f"mamba-ssm is not installed; {_INSTEAD}; {_INSTALL}"
        raise BrokenError(missing) if installed() else UnavailableError(missing)
    _import("selective_scan_cuda", "mamba-ssm", _REBUILD)
    interface = _import("mamba_ssm.ops.selective_scan_interface", "mamba-ssm", _REBUILD)
    return _function(interface, "selective_scan_fn", _SCAN_ARGUMENTS, "mamba-ssm", _REBUILD)


def find_conv() -> Callable[..., Any]:
    """Give causal-conv1d's `causal_conv1d_fn`, for the convolution ahead of each scan.

    Raises
    ------
    BrokenError
        If it is not installed, or does not work.
    """
    if not _is_there("causal_conv1d"):
        raise BrokenError(f"causal-conv1d is not installed; {_INSTEAD}; {_INSTALL}")
    _import("causal_conv1d_cuda", "causal-conv1d", _REBUILD_CONV)
    package = _import("causal_conv1d", "causal-conv1d", _REBUILD_CONV)
    name = "causal_conv1d_fn"
    return _function(package, name, _CONV_ARGUMENTS, "causal-conv1d", _REBUILD_CONV)


def load() -> tuple[Operators, str]:
    """Make the operators; beside them, what of them is not these packages' own, or nothing.

    Raises
    ------
    UnavailableError, BrokenError
        As `find_scan` does, or if there is no GPU.
    """
    from mambaseg.ops import mamba_ssm_backend

    scan = find_scan()
    note, conv = "", None
    try:
        conv = find_conv()
    except BrokenError as error:
        note = str(error)
        _log.warning("%s", note)
    if not torch.cuda.is_available():
        raise UnavailableError(f"mamba-ssm needs an NVIDIA GPU, and torch finds none; {_INSTEAD}")
    mamba_ssm_backend.use(scan, conv)
    return register("mamba_ssm", mamba_ssm_backend, keeps=False, device="cuda"), note


def explain(error: Exception) -> str:
    """Say in a sentence that mamba-ssm was loaded, and failed where it was tried."""
    found = next(iter(str(error).splitlines()), "") or type(error).__name__
    return (
        f"{_said_version('mamba-ssm')} fails on this GPU ({found}); {_INSTEAD}; "
        f"to mend it: {_REBUILD}"
    )


def _said_version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package


def _import(module: str, package: str, rebuild: str) -> ModuleType:
    """Import a module; whatever goes wrong is said in a sentence."""
    named = _said_version(package)
    mend = f"{_INSTEAD}; to mend it: {rebuild}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name == module and module.endswith("_cuda"):
            what = "its Mamba-1 kernel" if package == "mamba-ssm" else "its kernel"
            raise BrokenError(
                f"{named} was installed without {what} ({module} is missing); {mend}"
            ) from error
        missing = (error.name or "").partition(".")[0]
        if missing not in _MODULES:  # another package's, which building again would not bring
            mend = f"{_INSTEAD}; to mend it: pip install {missing}"
        raise BrokenError(f"{named} lacks the module {error.name}; {mend}") from error
    except Exception as error:  # what a broken extension raises is not known beforehand
        found = " ".join(str(error).split()) or type(error).__name__
        if "undefined symbol" in found:
            raise BrokenError(
                f"{named} was built for another torch than {torch.__version__} ({found}); {mend}"
            ) from error
        raise BrokenError(f"{named} cannot be loaded ({found}); {mend}") from error


def _function(
    module: ModuleType, name: str, expected: list[str], package: str, rebuild: str
) -> Callable[..., Any]:
    function: Callable[..., Any] | None = getattr(module, name, None)
    try:
        found = list(inspect.signature(function).parameters) if callable(function) else []
    except (TypeError, ValueError):
        found = []
    if callable(function) and [x for x in found if x in expected] == expected:
        return function
    what = f"takes ({', '.join(found)})" if callable(function) else "is missing"
    raise BrokenError(
        f"{_said_version(package)} is of a version that mambaseg does not know ({name} {what}, "
        f"not {', '.join(expected)}); {_INSTEAD}; to mend it: {rebuild}"
    )
