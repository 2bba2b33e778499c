"""What a report of a fault should say, and nothing about patients."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from mambaseg.log import tail_without_names
from mambaseg.service import Ready

__all__ = ["diagnostics", "versions"]

_PACKAGES = (
    "mambaseg",
    "torch",
    "lightning",
    "monai",
    "numpy",
    "numba",
    "triton",
    "mamba-ssm",
    "causal-conv1d",
    "SimpleITK",
    "pydicom",
    "av",
    "napari",
)


def versions() -> list[str]:
    """Say which Python, which system and which packages these are, a line each."""
    lines = [f"Python {platform.python_version()} on {platform.platform()}"]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            lines.append(f"{package} is not installed")
    return lines


def diagnostics(sentence: str, ready: Ready | None = None) -> str:
    """Put together what helps to find a fault.

    Parameters
    ----------
    sentence : str
        What the user was told; it alone may name a file.
    ready : Ready, optional
        What can compute here, where that is known.

    Returns
    -------
    str
        The sentence, versions, devices, and the end of the log without names.
    """
    parts = [sentence, "\n".join(versions())]
    if ready is not None:
        parts.append(
            "\n".join(
                f"device {device}, scan backend {backend}"
                for device, backend in ready.backends.items()
            )
        )
    log = tail_without_names()
    if log:
        parts.append("\n".join(("The end of the log, without names:", *log)))
    return "\n\n".join(parts) + "\n"
