"""Whether a film file is as long as it says it is."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

__all__ = ["is_cut_short"]


def is_cut_short(path: Path) -> bool:
    """Tell whether a film's own headers promise more bytes than the file has.

    A decoder plays what is left of a film that was cut short and says nothing,
    so its end would be missing unseen. MPEG streams promise no length; of them
    nothing can be said.

    Parameters
    ----------
    path : Path
        A film: MP4 or MOV, AVI, MKV or WEBM, GIF; any other gives False.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(256)
        if head[:4] == b"RIFF":
            return 8 + int.from_bytes(head[4:8], "little") > size
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska_end(head) > size
        if head[:4] == b"GIF8":
            file.seek(max(0, size - 256))
            return not file.read().rstrip(b"\x00 \r\n").endswith(b";")
        if head[4:8] in (b"ftyp", b"wide", b"mdat", b"moov", b"free", b"skip"):
            return _iso_end(file, size) > size
    return False


def _matroska_end(head: bytes) -> int:
    """Byte after the segment, or 0 where its length is left open, as in a live recording."""
    header_size, place = _variable_integer(head, 4)
    place += header_size
    if head[place : place + 4] != b"\x18\x53\x80\x67":
        return 0
    segment_size, start = _variable_integer(head, place + 4)
    is_open = segment_size == (1 << 7 * (start - place - 4)) - 1
    return 0 if is_open else start + segment_size


def _variable_integer(data: bytes, place: int) -> tuple[int, int]:
    """Read an EBML integer, whose first set bit tells its length; give it and its end."""
    length = 9 - data[place].bit_length()
    value = int.from_bytes(data[place : place + length], "big")
    return value & ((1 << 7 * length) - 1), place + length


def _iso_end(file: BinaryIO, size: int) -> int:
    """Byte after the last box of an MP4 or MOV file that holds pictures or their index."""
    end = place = 0
    while place + 8 <= size:
        file.seek(place)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8:  # 0 stands for "up to the end of the file"
            break
        place += length
        if kind in (b"mdat", b"moov", b"moof"):
            end = place
    return end
