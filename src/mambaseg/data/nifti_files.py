"""NIfTI files that SimpleITK would misread without a word."""

from __future__ import annotations

import gzip
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import BinaryIO, cast

from mambaseg.types.errors import UnreadableImageError

__all__ = ["sound_nifti"]

_CHUNK = 2**20


@contextmanager
def sound_nifti(path: Path) -> Iterator[Path]:
    """Give a path from which SimpleITK reads what the NIfTI file `path` holds.

    Two faults of its NIfTI library are kept away. It fills what a file that was
    cut short lacks with zeros; and asked for "a.nii.gz", it takes the pixels of
    "a.nii" if that stands in the same folder.

    Parameters
    ----------
    path : Path
        An existing file; compressed or not.

    Yields
    ------
    Path
        The file, or a copy of it alone in a folder that is removed afterwards.

    Raises
    ------
    UnreadableImageError
        If the file is cut short, or its compression is damaged.
    """
    if not _is_whole(path):
        raise UnreadableImageError(
            f"{path} is damaged or cut short: it holds less than its header says. "
            "Copy or export it again."
        )
    if path.name.lower().endswith(".gz") and path.with_suffix("").exists():
        with tempfile.TemporaryDirectory(prefix="mambaseg-") as folder:
            yield Path(shutil.copy(path, folder))
    else:
        yield path


def _is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        content = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if is_compressed else file
        try:
            head = content.read(544)
            length = len(head)
            while chunk := content.read(_CHUNK):
                length += len(chunk)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return False
    return length >= _stated_length(head)


def _stated_length(head: bytes) -> int:
    """Bytes that a NIfTI-1 or NIfTI-2 header announces, itself included; 0 for other headers."""
    for order in "<>":
        size = struct.unpack(f"{order}i", head[:4])[0] if len(head) >= 4 else 0
        if size == 348 and head[344:347] == b"n+1":
            dimensions = struct.unpack_from(f"{order}8h", head, 40)
            bits = struct.unpack_from(f"{order}h", head, 72)[0]
            start = int(struct.unpack_from(f"{order}f", head, 108)[0])
        elif size == 540 and len(head) >= 540:
            dimensions = struct.unpack_from(f"{order}8q", head, 16)
            bits = struct.unpack_from(f"{order}h", head, 14)[0]
            start = struct.unpack_from(f"{order}q", head, 168)[0]
        else:
            continue
        return int(start + prod(dimensions[1 : 1 + dimensions[0]]) * bits // 8)
    return 0
