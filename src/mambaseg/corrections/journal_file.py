"""A journal's file: read as far as it is whole, written anew, or appended to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mambaseg.corrections.history import History
from mambaseg.corrections.journal_head import JournalHead
from mambaseg.corrections.journal_records import (
    Kind,
    change_payload,
    event_payload,
    find_record,
    iterate,
    pack_record,
    snapshot_payload,
)
from mambaseg.corrections.replay import Replay
from mambaseg.files import write_whole
from mambaseg.types.errors import StoreError

__all__ = ["JournalFile", "Kept", "read_journal"]

_LARGEST = 2 << 30


@dataclass
class Kept:
    """What a journal's file holds.

    Parameters
    ----------
    head : JournalHead
        Whose mask it is.
    history : History
        The mask and the way to it.
    damage : str
        A sentence on what was lost; empty if nothing was.
    """

    head: JournalHead
    history: History
    damage: str = ""


def read_journal(path: Path, image: str | None = None) -> Kept:
    """Read a journal: its last state that is known to be true, and the way there.

    Where records are damaged, what stands before them counts; or, if a whole
    snapshot stands after them, what follows from that.

    Parameters
    ----------
    path : Path
        The file; only read.
    image : str, optional
        `image_key` of the image that the mask has to belong to.

    Raises
    ------
    StoreError
        If it cannot be read, was cut before its first snapshot, is of a newer
        version or of another image.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise StoreError("It is larger than a journal can be.")
        return _parse(path.read_bytes(), image)
    except OSError as error:
        raise StoreError(
            f"The journal {path} cannot be read: {error.strerror or error}. "
            "Look whether its drive is there."
        ) from error
    except StoreError as error:
        raise StoreError(f"The journal {path} cannot be restored. {error}") from error


def _parse(data: bytes, image: str | None) -> Kept:
    records = iterate(data)
    first = next(records, None)
    if first is None or first.kind is not Kind.HEAD:
        raise StoreError("It is empty, damaged at its beginning, or no journal of ours.")
    head = JournalHead.parse(first.payload)
    if image is not None and head.image != image:
        raise StoreError(f"It belongs to another image, {head.image_name!r}: open that one.")
    replay, end = Replay(head), first.end
    for record in records:
        if not replay.take(record):
            break
        end = record.end
    damaged_at = end
    while end < len(data) and (start := find_record(data, end, Kind.SNAPSHOT)) is not None:
        replay = Replay(head)
        for record in iterate(data, start):
            if not replay.take(record):
                break
            end = record.end
        end = max(end, start + 1)
    if not replay.whole:
        raise StoreError("It was cut or damaged before it held a whole mask.")
    damage = ""
    if damaged_at < len(data):
        damage = (
            f"The journal of {head.name!r} is damaged at byte {damaged_at} of {len(data)}: "
            "restored is the last state that is known to be true."
        )
    return Kept(head, replay.finish(), damage)


class JournalFile:
    """A journal's file that grows.

    Parameters
    ----------
    path : Path
        Where it stands; `write` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_bytes = 0
        self._number = 0

    def write(self, head: JournalHead, history: History) -> None:
        """Write it anew, whole or not at all; raises OutputError."""
        records: list[tuple[Kind, bytes]] = [(Kind.HEAD, head.model_dump_json().encode())]
        # What the mask holds comes first: a file that is cut later still has it.
        records.append((Kind.BASE, snapshot_payload(history.position, history.planes.packed)))
        records += [(Kind.PAST, change_payload(change)) for change in history.changes]
        records += [(Kind.EVENT, event_payload(event)) for event in history.events]
        data = b"".join(pack_record(kind, n, payload) for n, (kind, payload) in enumerate(records))
        with write_whole(self.path) as temporary:
            temporary.write_bytes(data)
        self.n_bytes, self._number = len(data), len(records)

    def append(self, *records: tuple[Kind, bytes]) -> None:
        """Add records and have them on the disk.

        Raises
        ------
        OSError
            If that is not possible, or the file is not as it was left: write it
            anew then.
        """
        data = b"".join(
            pack_record(kind, self._number + n, payload)
            for n, (kind, payload) in enumerate(records)
        )
        # Opened each time: where the file was removed or its drive is gone, this tells.
        with self.path.open("r+b", buffering=0) as file:
            if file.seek(0, os.SEEK_END) != self.n_bytes:
                raise OSError(f"{self.path} was changed by another program")
            if file.write(data) != len(data):
                raise OSError(f"{self.path} has no room")
            os.fsync(file.fileno())
        self.n_bytes += len(data)
        self._number += len(records)
