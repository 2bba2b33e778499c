"""Keep verified masks in a store of corrections; list, merge and hand on what it holds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mambaseg.cli.choices import frame_set

if TYPE_CHECKING:
    from mambaseg.corrections import Merge, Store

__all__ = ["add_arguments", "run"]


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
    merge = actions.add_parser("merge", help="take over what another person's store holds")
    export = actions.add_parser("export", help="write a store into one zip file")
    import_ = actions.add_parser("import", help="merge such a file into a store")
    for action in (listed, remove, export):
        action.add_argument("store", type=Path, help="folder of the store")
    for action in (add, merge, import_):
        action.add_argument("store", type=Path, help="folder of the store; made if needed")
    add.add_argument("clip", type=Path, help="a film, a folder of numbered frames, or DICOM")
    add.add_argument("mask", type=Path, help="its masks: .nrrd, .nii, .nii.gz or a PNG folder")
    add.add_argument(
        "--frames", type=frame_set, required=True, help="frames that are right: 0,10,20:25"
    )
    add.add_argument(
        "--classes",
        nargs="+",
        type=_class_name,
        metavar="VALUE=NAME",
        help="names of the classes (default: those in the mask's file)",
    )
    merge.add_argument("other", type=Path, help="the other store; it is only read")
    merge.add_argument(
        "--prefer",
        choices=("ours", "theirs"),
        default="ours",
        help="whose mask counts where both have verified a frame (default: ours)",
    )
    export.add_argument("file", type=Path, help="the zip file to write")
    import_.add_argument("file", type=Path, help="a zip file that `export` has written")
    remove.add_argument("case", help="a name from `mambaseg corrections list`")
    remove.add_argument("--frames", type=frame_set, help="only these frames")


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked, and print what the store holds afterwards."""
    from mambaseg.corrections import Store, export_store, import_store, merge_stores
    from mambaseg.types.errors import StoreError

    store = Store(arguments.store)
    if arguments.action in ("list", "remove", "export") and store.label_set is None:
        raise StoreError(
            f"{store.path} is no store of corrections (it has no dataset.json): check the path; "
            "`mambaseg corrections add` begins a store."
        )
    if arguments.action == "add":
        _add(store, arguments)
    elif arguments.action == "remove" and arguments.frames is None:
        store.remove(arguments.case)
    elif arguments.action == "remove":
        store.unverify(arguments.case, sorted(arguments.frames))
    elif arguments.action == "export":
        export_store(store, arguments.file)
    elif arguments.action == "merge":
        _tell(merge_stores(store, Store(arguments.other), arguments.prefer), arguments.prefer)
    elif arguments.action == "import":
        _tell(import_store(arguments.file, store), "ours")
    classes = store.label_set
    print(f"{store.path}: classes {classes.names if classes else 'not settled yet'}")
    for case in store.cases():
        frames = store.verified_frames(case)
        print(f"{case}: {len(frames)} of {len(store.states(case))} frames verified: {frames}")


def _tell(merge: Merge, prefer: str) -> None:
    for case, frames in merge.added.items():
        print(f"{case}: took over frames {frames}")
    for case, frames in merge.conflicts.items():
        print(f"{case}: both had verified frames {frames} differently; {prefer} counted")


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
    store.verify(image, masks, sorted(arguments.frames))
