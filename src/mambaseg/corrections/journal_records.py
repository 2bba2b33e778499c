"""The records that a journal's file is made of, one after another.

Each is `marker, kind, number, length, CRC-32, payload`: numbers count up from 0, and the CRC is
that of all else. The first is the head; the others are read in the order in which they came.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from mambaseg.corrections.differences import Patch
from mambaseg.corrections.history import Change, Event
from mambaseg.types.errors import StoreError

__all__ = [
    "Kind",
    "Record",
    "change_of",
    "change_payload",
    "event_of",
    "event_payload",
    "find_record",
    "iterate",
    "pack_record",
    "snapshot_of",
    "snapshot_payload",
]

_MARKER = b"\xd7mJ\n"
_HEAD = struct.Struct("<4sBIII")
_PATCH = struct.Struct("<8I")
_META = struct.Struct("<I")
_EVENTS = TypeAdapter(Event)


class Kind(IntEnum):
    """What a record says."""

    HEAD = 1
    BASE = 2
    """What the mask holds, at a position among the past changes that follow."""
    PAST = 3
    SNAPSHOT = 7
    """What the mask holds by then: where replay may begin."""
    CHANGE = 4
    MOVE = 5
    EVENT = 6


class Record(NamedTuple):
    """A record that is whole; `end` is where the next begins."""

    kind: Kind
    number: int
    payload: bytes
    end: int


def pack_record(kind: Kind, number: int, payload: bytes) -> bytes:
    """Give a record's bytes."""
    found = zlib.crc32(_HEAD.pack(_MARKER, kind, number, len(payload), 0))
    check = zlib.crc32(payload, found)
    return _HEAD.pack(_MARKER, kind, number, len(payload), check) + payload


def _at(data: bytes, start: int) -> Record | None:
    if len(data) - start < _HEAD.size:
        return None
    marker, kind, number, length, check = _HEAD.unpack_from(data, start)
    end = start + _HEAD.size + length
    if marker != _MARKER or end > len(data) or kind not in {*Kind}:
        return None
    payload = data[start + _HEAD.size : end]
    found = zlib.crc32(_HEAD.pack(marker, kind, number, length, 0))
    if zlib.crc32(payload, found) != check:
        return None
    return Record(Kind(kind), number, payload, end)


def iterate(data: bytes, start: int = 0) -> Iterator[Record]:
    """Give the whole records from a place up to the first damaged or missing one."""
    number = None
    while (record := _at(data, start)) and number in (None, record.number):
        yield record
        start, number = record.end, record.number + 1


def find_record(data: bytes, start: int, kind: Kind) -> int | None:
    """Find where the next whole record of a kind begins, after damage."""
    while (start := data.find(_MARKER, start)) >= 0:
        record = _at(data, start)
        if record is not None and record.kind is kind:
            return start
        start += 1
    return None


# Payloads


def change_payload(change: Change) -> bytes:
    """Give the payload of a change."""
    meta = json.dumps({"event": _event(change.event), "step": change.step}).encode()
    parts = [_META.pack(len(meta)), meta]
    for patch in change.patches:
        parts += [_PATCH.pack(*patch[:7], len(patch.packed)), patch.packed]
    return b"".join(parts)


def change_of(payload: bytes) -> Change:
    """Undo `change_payload`; raises StoreError."""
    try:
        (length,) = _META.unpack_from(payload)
        meta = json.loads(payload[_META.size : _META.size + length])
        start, patches = _META.size + length, []
        while start < len(payload):
            plane, top, left, height, width, before, after, size = _PATCH.unpack_from(
                payload, start
            )
            start += _PATCH.size
            packed = payload[start : start + size]
            patches.append(Patch(plane, top, left, height, width, before, after, packed))
            start += size
        return Change(_EVENTS.validate_python(meta["event"]), int(meta["step"]), tuple(patches))
    except (struct.error, ValueError, KeyError, TypeError, ValidationError) as error:
        raise StoreError(f"A change in the journal is damaged ({error}).") from error


def event_payload(event: Event) -> bytes:
    """Give the payload of an event."""
    return json.dumps(_event(event)).encode()


def event_of(payload: bytes) -> Event:
    """Undo `event_payload`; raises StoreError."""
    try:
        return _EVENTS.validate_json(payload)
    except ValidationError as error:
        raise StoreError(f"An event in the journal is damaged ({error}).") from error


def _event(event: Event) -> dict[str, Any]:
    return {name: value for name, value in asdict(event).items() if value not in ("", None)}


def snapshot_payload(position: int, packed: Sequence[bytes]) -> bytes:
    """Give the payload of what all planes hold; planes that are alike are kept once."""
    known: dict[bytes, int] = {}
    indices = np.array([known.setdefault(one, len(known)) for one in packed], "<u4")
    sizes = np.array([len(one) for one in known], "<u4")
    head = np.array([position, len(packed), len(known)], "<u4")
    return b"".join([head.tobytes(), indices.tobytes(), sizes.tobytes(), *known])


def snapshot_of(payload: bytes, n_planes: int) -> tuple[int, list[bytes]]:
    """Undo `snapshot_payload`; raises StoreError."""
    head = np.frombuffer(payload[:12], "<u4")
    if len(head) != 3 or int(head[1]) != n_planes or len(payload) < 12 + 4 * int(head[1:].sum()):
        raise StoreError("A snapshot in the journal is damaged.")
    position, _, n_known = map(int, head)
    numbers = np.frombuffer(payload, "<u4", n_planes + n_known, 12)
    indices, sizes = numbers[:n_planes], numbers[n_planes:].astype(np.int64)
    ends = 12 + 4 * len(numbers) + np.cumsum(sizes)
    if indices.max(initial=0) >= max(1, n_known) or ends[-1:].sum() != len(payload):
        raise StoreError("A snapshot in the journal is damaged.")
    known = [payload[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    return position, [known[index] for index in indices]
