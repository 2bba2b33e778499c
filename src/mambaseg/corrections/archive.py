"""A store as one file, to hand on or to keep."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

from mambaseg.corrections.dataset_file import FILE_NAME as DATASET
from mambaseg.corrections.dataset_file import DatasetFile, image_names, label_name
from mambaseg.corrections.merging import Merge, merge_stores
from mambaseg.corrections.provenance import FILE_NAME as PROVENANCE
from mambaseg.corrections.store import Store
from mambaseg.files import write_whole
from mambaseg.types.errors import MambasegError, OutputError, StoreError

__all__ = ["export_store", "import_store"]

MOST_BYTES = 200 << 30
_MOST_TEXT = 64 << 20
_BLOCK = 1 << 20
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, RuntimeError, ValueError),
)


def export_store(store: Store, path: str | os.PathLike[str]) -> None:
    """Write a store into one zip file, whole or not at all.

    Parameters
    ----------
    store : Store
        With its images, masks and provenance.
    path : path-like
        The file.

    Raises
    ------
    StoreError
        If the store is empty.
    OutputError
        If the file cannot be written.
    """
    content = DatasetFile.read(store.path)
    if content is None or not content.cases:
        raise StoreError(f"{store.path} holds no verified masks: there is nothing to export.")
    if Path(path).suffix.lower() != ".zip":
        raise OutputError(f"A store is written into a zip file, and {path} does not end in .zip.")
    with (
        write_whole(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for name in _members(content):
            archive.write(store.path / name, name)
        if (store.path / PROVENANCE).exists():
            archive.write(store.path / PROVENANCE, PROVENANCE)


def import_store(path: str | os.PathLike[str], store: Store) -> Merge:
    """Merge a file of `export_store` into a store, once all of it has been checked.

    Only the members that its dataset.json stands for are read, under names that
    are made here; what else the file holds, and where it says to go, is ignored.

    Parameters
    ----------
    path : path-like
        The file, from anywhere.
    store : Store
        May be empty.

    Raises
    ------
    StoreError
        If the file is damaged, too large, no archive of a store, or of other
        classes or channels than the store.
    UnreadableImageError
        If an image or mask in it is damaged.
    OutputError
        If there is no room.
    """
    source = Path(path)
    store.path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=store.path.parent) as folder:
        unpacked = Path(folder) / "store"
        try:
            with zipfile.ZipFile(source) as archive:
                _unpack(archive, unpacked)
            other = Store(unpacked)
            for case in other.cases():
                other.read(case)
        except _DAMAGED as error:
            raise StoreError(
                f"{source} is damaged or no archive of a store ({error}): export it again."
            ) from error
        except OSError as error:
            raise OutputError(
                f"{source} cannot be unpacked beside {store.path}: {error.strerror or error}."
            ) from error
        except MambasegError as error:
            text = str(error).replace(str(unpacked), str(source))
            raise type(error)(text) from error
        return merge_stores(store, other)


def _members(content: DatasetFile) -> list[str]:
    return [
        DATASET,
        *(
            name
            for case in content.cases
            for name in (*image_names(case, content.channel_names), label_name(case))
        ),
    ]


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    if DATASET not in sizes:
        raise StoreError(f"{archive.filename} is no archive of a store: it has no {DATASET}.")
    folder.mkdir()
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir()
    _copy(archive, DATASET, folder, min(sizes[DATASET], _MOST_TEXT))
    content = DatasetFile.read(folder)
    names = _members(content) if content is not None else []
    missing = [name for name in names if name not in sizes]
    if missing:
        raise StoreError(f"{archive.filename} lacks {missing[0]}: export the store again.")
    total, room = sum(sizes[name] for name in names), shutil.disk_usage(folder).free
    if total > min(MOST_BYTES, room // 2):  # it is copied once more from here
        raise StoreError(
            f"{archive.filename} unpacks to {total / 1e9:.1f} GB, and there is room for "
            f"{min(MOST_BYTES, room // 2) / 1e9:.1f} GB: make room first."
        )
    for name in names[1:]:
        _copy(archive, name, folder, sizes[name])
    if PROVENANCE in sizes:
        _copy(archive, PROVENANCE, folder, min(sizes[PROVENANCE], _MOST_TEXT))


def _copy(archive: zipfile.ZipFile, name: str, folder: Path, most: int) -> None:
    """Copy a member, never more bytes than it has said to have."""
    left = most
    with archive.open(name) as source, (folder / name).open("wb") as target:
        while left > 0 and (block := source.read(min(_BLOCK, left))):
            target.write(block)
            left -= len(block)
