"""NIfTI files that SimpleITK would misread without a word."""

from __future__ import annotations

import gzip
import math
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from mambaseg.data.volume_headers import check_size
from mambaseg.types.errors import UnreadableImageError

__all__ = [
    "check_nifti",
    "kept_codes",
    "read_description",
    "restore_codes",
    "sound_nifti",
    "time_step",
]

_CHUNK = 2**20
_CODES = {"qform_code": 252, "sform_code": 254}
"""Where a NIfTI-1 header has them."""


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
    header = _parse(head)
    return header is None or length >= header.length


@dataclass(frozen=True)
class _Header:
    """Sizes and steps of a NIfTI-1 or NIfTI-2 header, and where its elements begin."""

    sizes: tuple[int, ...]
    bits: int
    start: int
    steps: tuple[float, ...]

    @property
    def length(self) -> int:
        """Bytes of the whole file before compression."""
        return self.start + math.prod(self.sizes) * self.bits // 8


def _parse(head: bytes) -> _Header | None:
    """Read a header; None if it is none, or says that it has no or more than seven axes."""
    for order in "<>":
        size = struct.unpack(f"{order}i", head[:4])[0] if len(head) >= 4 else 0
        if size == 348 and head[344:347] == b"n+1":
            dimensions = struct.unpack_from(f"{order}8h", head, 40)
            bits = struct.unpack_from(f"{order}h", head, 72)[0]
            steps = struct.unpack_from(f"{order}8f", head, 76)
            start = struct.unpack_from(f"{order}f", head, 108)[0]
        elif size == 540 and len(head) >= 540:
            dimensions = struct.unpack_from(f"{order}8q", head, 16)
            bits = struct.unpack_from(f"{order}h", head, 14)[0]
            steps = struct.unpack_from(f"{order}8d", head, 104)
            start = struct.unpack_from(f"{order}q", head, 168)[0]
        else:
            continue
        if not (1 <= dimensions[0] <= 7 and math.isfinite(start)):
            return None
        count = dimensions[0]
        return _Header(dimensions[1 : 1 + count], bits, int(start), steps[1 : 1 + count])
    return None


def _head(path: Path) -> tuple[bytes, bool]:
    """Give a file's first bytes, and whether they were compressed; none where that is damaged."""
    with path.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        content = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if is_compressed else file
        try:
            return content.read(544), is_compressed
        except (EOFError, OSError, zlib.error):
            return b"", is_compressed


def read_description(path: Path) -> str:
    """Give the description in a NIfTI-1 header, the only one that we write; "" if it is none."""
    head, _ = _head(path)
    described = head[148:228] if head[344:347] == b"n+1" else b""
    return described.partition(b"\0")[0].decode("latin-1")


def check_nifti(path: Path) -> bool:
    """Refuse a header that cannot be true, before memory is reserved for it.

    Returns
    -------
    bool
        Whether it says how far elements lie apart.

    Raises
    ------
    UnreadableImageError
        If the file is no NIfTI file, or its sizes are more than it can hold.
    """
    head, is_compressed = _head(path)
    header = _parse(head)
    if header is None or header.bits <= 0:
        raise UnreadableImageError(
            f"{path} has no NIfTI header that makes sense: it is damaged, cut short or of another "
            "kind than its name says. Copy or export it again."
        )
    held = path.stat().st_size - (0 if is_compressed else header.start)
    check_size(path, list(header.sizes), header.bits / 8, held, packed=is_compressed)
    steps = header.steps[:3]
    if any(not math.isfinite(step) for step in steps):
        raise UnreadableImageError(
            f"{path} says that its elements lie {steps} apart, which are no distances. "
            "Export it again."
        )
    return all(step != 0 for step in steps)


def kept_codes(keys: Mapping[str, str]) -> dict[str, str]:
    """Give what of a NIfTI header a save restores: which space its coordinates are of.

    Its texts may name the patient. Codes of 0 and 1 name no space that others share.
    """
    return {key: keys[key] for key in _CODES if keys.get(key, "") in ("2", "3", "4", "5")}


def restore_codes(path: Path, header: Mapping[str, str]) -> None:
    """Write kept codes into a NIfTI-1 file of SimpleITK's, which makes them 1 whatever it is told.

    Parameters
    ----------
    path : Path
        Compressed or not.
    header : mapping of str to str
        Of an image; only the codes are taken.
    """
    codes = kept_codes(header)
    if not codes:
        return
    written = path.read_bytes()
    is_compressed = written.startswith(b"\x1f\x8b")
    content = bytearray(gzip.decompress(written) if is_compressed else written)
    for key, value in codes.items():
        struct.pack_into("<h", content, _CODES[key], int(value))
    path.write_bytes(gzip.compress(content, 6, mtime=0) if is_compressed else content)


def time_step(keys: Mapping[str, str], step: float) -> float | None:
    """Give the time between volumes in seconds, or None where the header has none."""
    units = int(keys.get("xyzt_units", "0")) if keys.get("xyzt_units", "0").isdigit() else 0
    return step if units & 0x18 and math.isfinite(step) and step > 0 else None
