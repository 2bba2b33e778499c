"""Text headers of NRRD and MetaImage files, checked before anything is believed or reserved."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError

__all__ = ["MILLIMETRES", "PACKED_AT_MOST", "TextHeader", "check_size", "read_text_header"]

MILLIMETRES = {
    "m": 1e3,
    "cm": 10.0,
    "mm": 1.0,
    "um": 1e-3,
    "\u00b5m": 1e-3,
    "\u03bcm": 1e-3,
    "micron": 1e-3,
    "nm": 1e-6,
}
"""Units of length; the two letters before "m" look alike, but are a micro sign and a mu."""

PACKED_AT_MOST = 1100
"""How many times gzip can make data smaller; a header that claims more is wrong."""

_LARGEST_HEADER = 2**20
_TIME_UNITS = ("s", "ms", "sec")
_NRRD_BYTES = {"char": 1, "short": 2, "int": 4, "long": 8, "float": 4, "double": 8, "block": 1}
_META_BYTES = {"CHAR": 1, "SHORT": 2, "INT": 4, "LONG": 4, "FLOAT": 4, "DOUBLE": 8}


@dataclass(frozen=True)
class TextHeader:
    """What counts of a header.

    Parameters
    ----------
    fields : dict of str to str
        Its fields, their names in small letters.
    unit_mm : float or None
        Millimetres of the unit in which it says how far elements lie apart; None where it
        does not say so, or in no unit of length.
    """

    fields: dict[str, str]
    unit_mm: float | None


def read_text_header(path: Path) -> TextHeader:
    """Read and check the header of an NRRD or MetaImage file.

    Raises
    ------
    UnreadableImageError
        If sizes are missing, zero or more than the file can hold.
    UnsupportedImageError
        If its data are said to lie anywhere but in the file or beside it.
    """
    with path.open("rb") as file:
        head = file.read(_LARGEST_HEADER)
    is_nrrd = head.startswith(b"NRRD")
    fields, length = _nrrd_fields(head) if is_nrrd else _meta_fields(head)
    try:
        sizes = [int(word) for word in fields["sizes" if is_nrrd else "dimsize"].split()]
        bytes_each = _nrrd_bytes(fields) if is_nrrd else _meta_bytes(fields)
    except (KeyError, ValueError):
        raise UnreadableImageError(
            f"{path} is damaged: its header does not say in numbers how large the image is. "
            "Copy or export it again."
        ) from None
    data = _data_file(path, fields)
    packed = fields.get("encoding", "raw") != "raw" or fields.get("compresseddata") == "true"
    held = data.stat().st_size - (length if data == path else 0)
    check_size(path, sizes, bytes_each, held, packed=packed)
    return TextHeader(fields, (_nrrd_unit if is_nrrd else _meta_unit)(fields))


def check_size(path: Path, sizes: list[int], bytes_each: float, held: int, *, packed: bool) -> None:
    """Refuse a header whose image cannot be in the file, before memory is reserved for it.

    Parameters
    ----------
    path : Path
        For messages.
    sizes : list of int
        Number of elements along each axis.
    bytes_each : float
        Bytes of an element.
    held : int
        Bytes that follow the header.
    packed : bool
        Whether they are compressed.

    Raises
    ------
    UnreadableImageError
        If it cannot.
    """
    named = " x ".join(map(str, sizes))
    if not sizes or min(sizes) < 1:
        raise UnreadableImageError(
            f"{path} holds no elements: its header says {named or 'no size'}. Export it again."
        )
    stated = math.prod(sizes) * bytes_each
    if stated > held * (PACKED_AT_MOST if packed else 1):
        raise UnreadableImageError(
            f"{path} is damaged or cut short: its header says {named} elements, {stated:.3g} "
            f"bytes, and the file holds {held}. Copy or export it again."
        )


def _nrrd_fields(head: bytes) -> tuple[dict[str, str], int]:
    ends = [place + 2 for place in (head.find(b"\n\n"),) if place >= 0]
    ends += [place + 4 for place in (head.find(b"\r\n\r\n"),) if place >= 0]
    length = min(ends, default=len(head))
    fields = {}
    for line in head[:length].decode("utf-8", "replace").splitlines()[1:]:
        if not line.startswith("#") and ":=" not in line and ":" in line:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
    return fields, length


def _meta_fields(head: bytes) -> tuple[dict[str, str], int]:
    fields, length = {}, 0
    for line in head.splitlines(keepends=True):
        length += len(line)
        name, _, value = line.decode("latin-1").partition("=")
        fields[name.strip().lower()] = value.strip()
        if name.strip() == "ElementDataFile":
            break
    fields["compresseddata"] = fields.get("compresseddata", "").lower()
    return fields, length


def _nrrd_unit(fields: dict[str, str]) -> float | None:
    """Give the length of the unit of distances; libraries take what is no distance for 1."""
    kinds = fields.get("kinds", "").lower().split()
    vectors = re.findall(r"none|\([^)]*\)", fields.get("space directions", ""))
    lengths = [_length(vector) for vector in vectors if vector != "none"]
    if not vectors:
        along = [_length(word) for word in fields.get("spacings", "").split()]
        in_space = kinds if len(kinds) == len(along) else ["space"] * len(along)
        lengths = [
            length
            for length, kind in zip(along, in_space, strict=True)
            if kind in ("space", "domain", "???")
        ]
    units = re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", "")))
    return _unit(lengths[:3], {unit for unit in units if unit not in ("", *_TIME_UNITS)})


def _meta_unit(fields: dict[str, str]) -> float | None:
    words = fields.get("elementspacing", fields.get("elementsize", "")).split()
    unit = fields.get("distanceunits", "").lower()
    return _unit([_length(word) for word in words[:3]], {unit} - {"", "?"})


def _length(vector: str) -> float:
    """Length of a vector "(x,y,z)" or of a number; NaN where it is none."""
    try:
        return math.hypot(*(float(part) for part in vector.strip("()").split(",")))
    except ValueError:
        return math.nan


def _unit(lengths: list[float], units: set[str]) -> float | None:
    """Millimetres of the one unit named, or 1; None if a length or the unit is none."""
    if not lengths or not all(0 < length < math.inf for length in lengths) or len(units) > 1:
        return None
    return MILLIMETRES.get(units.pop()) if units else 1.0


def _nrrd_bytes(fields: dict[str, str]) -> int:
    words = fields["type"].lower().replace("unsigned", "").replace("signed", "").split()
    if words and words[0].removeprefix("u").startswith("int") and words[0][-1].isdigit():
        digits = "".join(letter for letter in words[0] if letter.isdigit())
        return int(digits) // 8
    return _NRRD_BYTES[words[0].removeprefix("u") if words else ""]


def _meta_bytes(fields: dict[str, str]) -> int:
    kind = fields["elementtype"].upper().removeprefix("MET_").removesuffix("_ARRAY")
    channels = int(fields.get("elementnumberofchannels", "1"))
    size = 8 if "LONG_LONG" in kind else _META_BYTES[kind.removeprefix("U")]
    return size * channels


def _data_file(path: Path, fields: dict[str, str]) -> Path:
    named = fields.get("data file", fields.get("datafile", fields.get("elementdatafile", "LOCAL")))
    if named.upper() == "LOCAL":
        return path
    beside = path.parent / named
    # A header from elsewhere is not to make any file of this machine be read.
    if Path(named).name != named or "%" in named or (" " in named and not beside.is_file()):
        raise UnsupportedImageError(
            f"{path} says that its data lie in {named!r}; one file beside the header was "
            "expected. Convert it to one NRRD or NIfTI file."
        )
    if beside.is_symlink() or not beside.is_file():
        raise UnreadableImageError(
            f"{path} says that its data lie in {named}, which is not beside it. Copy both files."
        )
    return beside
