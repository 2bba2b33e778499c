"""Show versions, devices, scan backends and folders."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]

_PACKAGES = (
    "mambaseg",
    "torch",
    "lightning",
    "monai",
    "numpy",
    "numba",
    "SimpleITK",
    "pydicom",
    "av",
    "napari",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""


def run(arguments: argparse.Namespace) -> None:
    """Print what a report of a fault should say."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import torch

    from mambaseg.cli.log import log_path
    from mambaseg.inference import available_devices, describe_device, scan_backend
    from mambaseg.ops import backend_status
    from mambaseg.zoo import user_models_folder

    print(f"Python {platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        try:
            print(f"{package} {version(package)}")
        except PackageNotFoundError:
            print(f"{package} is not installed")
    for name, works, reason in backend_status():
        print(f"scan backend {name}: {'works' if works else f'does not run here ({reason})'}")
    print("devices, the first is used unless told otherwise:")
    for device in map(torch.device, available_devices()):
        print(f"  {describe_device(device)}, scan backend {scan_backend(device)}")
    print(f"your models: {user_models_folder()}")
    print(f"log file: {log_path()}")
