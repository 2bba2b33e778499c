"""Show what a file or folder holds; or versions, devices, scan backends and folders."""

from __future__ import annotations

import argparse

from mambaseg.types.errors import UnknownNameError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument(
        "file", nargs="?", help="a film, DICOM, volume, picture or a folder of them"
    )
    parser.add_argument(
        "--patient",
        action="store_true",
        help="tell the patient's name and id too, if DICOM has them",
    )


def run(arguments: argparse.Namespace) -> None:
    """Print what a file holds, or else what a report of a fault should say."""
    if arguments.file is None:
        _report()
    else:
        _describe(arguments.file, patient=arguments.patient)


def _describe(file: str, *, patient: bool) -> None:
    """Print what a path holds, from headers alone."""
    from mambaseg.data import list_parts
    from mambaseg.data.readers import split_part
    from mambaseg.session import describe_part
    from mambaseg.types.errors import MambasegError

    path, name = split_part(file)
    parts = list_parts(path)
    chosen = [part for part in parts if name in (None, part.name, part.uid)]
    if not chosen:
        listed = ", ".join(part.name for part in parts)
        raise UnknownNameError(f"{path} holds no {name!r}, but {listed}; choose one of these.")
    for part in chosen:
        print(part.name)
        try:
            rows = describe_part(part, patient=patient)
        except MambasegError as error:
            if len(chosen) == 1:
                raise
            rows = [("Problem", str(error))]
        for title, value in rows:
            print(f"  {title}: {value}")


def _report() -> None:
    import torch

    from mambaseg.inference import available_devices, describe_device, scan_backend
    from mambaseg.log import log_path
    from mambaseg.ops import backend_status
    from mambaseg.session import versions
    from mambaseg.zoo import user_models_folder

    print(*versions(), sep="\n")
    for name, works, reason in backend_status():
        told = f" ({reason})" if reason else ""
        print(f"scan backend {name}: {'works' if works else 'does not run here'}{told}")
    print("devices, the first is used unless told otherwise:")
    for device in map(torch.device, available_devices()):
        print(f"  {describe_device(device)}, scan backend {scan_backend(device)}")
    print(f"your models: {user_models_folder()}")
    print(f"log file: {log_path()}")
