"""Keep verified masks in a store of corrections, and list what it holds."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambaseg.corrections import Store

__all__ = ["add_arguments", "run"]


def frame_list(text: str) -> list[int]:
    """Parse "0,10,20:25" as single frames and ranges whose end is left out."""
    frames: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?::(\d+))?", part)
        chosen = range(int(match[1]), int(match[2] or int(match[1]) + 1)) if match else range(0)
        if not chosen:
            raise argparse.ArgumentTypeError(f"{text!r} names no frames; write 0,10,20 or 0:5")
        frames.update(chosen)
    return sorted(frames)


def _class_name(text: str) -> tuple[int, str]:
    """Parse "1=nodule"."""
    value, separator, name = text.partition("=")
    if not separator or not value.isdecimal() or not name:
        raise argparse.ArgumentTypeError(f"{text!r} names no class; write for example 1=nodule")
    return int(value), name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="keep masks of some frames as verified")
    listed = actions.add_parser("list", help="list clips and their verified frames")
    remove = actions.add_parser("remove", help="forget frames, or a whole clip")
    for action in (add, listed, remove):
        action.add_argument("store", type=Path, help="folder of the store; made if needed")
    add.add_argument("clip", type=Path, help="a film, a folder of numbered frames, or DICOM")
    add.add_argument("mask", type=Path, help="its masks: .nrrd, .nii, .nii.gz or a PNG folder")
    add.add_argument(
        "--frames", type=frame_list, required=True, help="frames that are right: 0,10,20:25"
    )
    add.add_argument(
        "--classes",
        nargs="+",
        type=_class_name,
        metavar="VALUE=NAME",
        help="names of the classes (default: those in the mask's file)",
    )
    remove.add_argument("case", help="a name from `mambaseg corrections list`")
    remove.add_argument("--frames", type=frame_list, help="only these frames")


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked, and print what the store holds afterwards."""
    from mambaseg.corrections import Store

    store = Store(arguments.store)
    if arguments.action == "add":
        _add(store, arguments)
    elif arguments.action == "remove" and arguments.frames is None:
        store.remove(arguments.case)
    elif arguments.action == "remove":
        store.unverify(arguments.case, arguments.frames)
    classes = store.label_set
    print(f"{store.path}: classes {classes.names if classes else 'not settled yet'}")
    for case in store.cases():
        frames = store.verified_frames(case)
        print(f"{case}: {len(frames)} of {len(store.states(case))} frames verified: {frames}")


def _add(store: Store, arguments: argparse.Namespace) -> None:
    from dataclasses import replace

    from mambaseg.cli.masks import read_masks
    from mambaseg.data import read_image
    from mambaseg.types.errors import InvalidOptionError
    from mambaseg.types.labels import LabelSet

    image = read_image(arguments.clip)
    masks = read_masks(arguments.mask, image.axes[1:])
    if arguments.classes:
        try:
            masks = replace(masks, label_set=LabelSet.from_names(dict(arguments.classes)))
        except ValueError as error:
            raise InvalidOptionError(f"The classes are not possible: {error}") from error
    store.verify(image, masks, arguments.frames)
