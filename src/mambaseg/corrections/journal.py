"""The journal of one mask: every change on disk as soon as it is told."""

from __future__ import annotations

import getpass
import os
import platform
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from mambaseg.corrections.differences import Piece
from mambaseg.corrections.history import Change, Event, History
from mambaseg.corrections.journal_file import JournalFile, Kept
from mambaseg.corrections.journal_head import JournalHead
from mambaseg.corrections.journal_records import (
    Kind,
    change_payload,
    event_payload,
    snapshot_payload,
)
from mambaseg.corrections.planes import Planes
from mambaseg.types.errors import OutputError

__all__ = ["Journal", "is_open", "user_name"]

_ASKED_S = 0.25
"""Longer than it takes to ask whether a journal is open, for which it is locked, too."""

MOST_STEP_BYTES = 128 << 20
MOST_STEPS = 10_000
_ROOM = 1 << 20  # a file may have this much beyond thrice what it had to hold when written
_RETRY_S = 5.0


@cache
def user_name() -> str:
    """Name of who sits here, as far as the system knows it."""
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return ""


class Journal:
    """A mask's history in memory and on disk; used by one thread at a time.

    Every call that changes something returns once it is on disk, or once
    `problem` says why it is not: the work then goes on in memory, and every
    few seconds, or in another `folder`, the whole is tried again.

    Parameters
    ----------
    folder : Path
        Where journals lie; this one in the folder of its image.
    head : JournalHead
        Whose mask it is.
    history : History
        The mask as it is now, and the way there.

    Attributes
    ----------
    path : Path
        The file. While it is open, another file beside it is locked.
    problem : str
        Why the last change is not on disk; empty if it is.
    """

    def __init__(self, folder: Path, head: JournalHead, history: History) -> None:
        here = {"user": user_name(), "machine": platform.node(), "process": os.getpid()}
        self.head = head.model_copy(update=here)
        self.history = history
        self.problem = ""
        self.closed = False
        self._tried = 0.0
        self._since_snapshot = self._most_bytes = self._most_changes = 0
        self._step = max((change.step for change in history.changes), default=0)
        self._lock: FileLock | None = None
        self._place(folder)

    @classmethod
    def begin(cls, folder: Path, head: JournalHead, planes: Planes) -> Self:
        """Begin the journal of a mask."""
        made = cls(folder, head, History(planes))
        made.save()
        return made

    @classmethod
    def resume(cls, folder: Path, path: Path, kept: Kept) -> Self:
        """Go on with a journal that was read; where it is open elsewhere, as a branch of it."""
        made = cls(folder, kept.head, kept.history)
        lock = _locked(path)
        if lock is not None:
            made._unlock()
            made._file, made._lock = JournalFile(path), lock
        made.save()
        return made

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return self._file.n_bytes

    def new_step(self) -> int:
        """Give a number for changes that are undone together."""
        self._step += 1
        return self._step

    def record(self, pieces: Iterable[Piece], event: Event, step: int | None = None) -> bool:
        """Take what parts of the mask hold now; whether that is anything new.

        Parameters
        ----------
        pieces : iterable of Piece
            Also such as have not changed.
        event : Event
            What it was. "program" stands for what is not known: if it does
            exactly what an undo or a redo would, it is taken for one.
        step : int, optional
            From `new_step`; a step of its own unless given.
        """
        patches = self.history.difference(pieces)
        if not patches:
            return False
        position = self.history.same_move(patches) if event.kind == "program" else None
        if position is not None:
            self.history.position = position
            self._append_move(event)
        else:
            change = Change(event, step if step is not None else self.new_step(), patches)
            self.history.add(change)
            self._append((Kind.CHANGE, change_payload(change)))
        return True

    def note(self, event: Event) -> None:
        """Keep something that happened to the mask and changed no label of it."""
        self.history.events.append(event)
        self._append((Kind.EVENT, event_payload(event)))

    def describe(self, **changes: object) -> None:
        """Keep other words about the mask: `name`, `classes` or `provenance` of its head."""
        self.head = self.head.model_copy(update=changes)
        self.save()

    def undo(self, event: Event | None = None) -> list[Piece]:
        """Take the last step back; gives what the changed parts of the mask hold then."""
        return self.move(self.history.undo_target(), event)

    def redo(self, event: Event | None = None) -> list[Piece]:
        """Do again what was undone last."""
        return self.move(self.history.redo_target(), event)

    def move(self, position: int, event: Event | None = None) -> list[Piece]:
        """Go to the state after a number of changes; `event` says when and who."""
        if position == self.history.position:
            return []
        pieces = self.history.move(position)
        self._append_move(event)
        return pieces

    def _append_move(self, event: Event | None) -> None:
        records = [(Kind.MOVE, self.history.position.to_bytes(4, "little"))]
        if event is not None:
            moved = replace(event, kind="moved")
            self.history.events.append(moved)
            records.append((Kind.EVENT, event_payload(moved)))
        self._append(*records)

    # On disk

    def save(self) -> None:
        """Write the file anew, without what is no longer needed; `problem` tells if it fails."""
        self._tried = time.monotonic()
        try:
            self.history.trim(MOST_STEP_BYTES, MOST_STEPS)
            self._file.write(self.head, self.history)
        except OutputError as error:
            cause = error.__cause__
            self._failed((cause.strerror if isinstance(cause, OSError) else "") or str(error))
        else:
            self.problem, self._since_snapshot = "", 0
            self._most_bytes = 3 * self._file.n_bytes + _ROOM
            self._most_changes = max(MOST_STEPS, len(self.history.changes)) * 11 // 10

    def retry(self) -> None:
        """Try again what has failed, if that is some seconds ago."""
        if self.problem and time.monotonic() - self._tried > _RETRY_S:
            self.save()

    def move_to(self, folder: Path) -> None:
        """Go on in another folder; what lies in the old one stays there."""
        self._unlock()
        self._place(folder)
        self.save()

    def discard(self) -> None:
        """Close it, and remove the file."""
        self.close()
        with suppress(OSError):
            self.path.unlink()

    def close(self) -> None:
        """Let others open it."""
        self.closed = True
        self._unlock()

    def _append(self, *told: tuple[Kind, bytes]) -> None:
        if self.problem:
            self.retry()
            return
        records = list(told)
        self._since_snapshot += sum(len(payload) for _, payload in told)
        planes = self.history.planes
        if self._since_snapshot > planes.n_bytes + _ROOM:
            position = self.history.position
            records.append((Kind.SNAPSHOT, snapshot_payload(position, planes.packed)))
            self._since_snapshot = 0
        if self.n_bytes > self._most_bytes or len(self.history.changes) > self._most_changes:
            self.save()
            return
        try:
            self._file.append(*records)
        except OSError:  # no file any more, or another's: a new one may go
            self.save()

    def _failed(self, reason: str) -> None:
        self.problem = (
            f"The changes of {self.head.name!r} are not on disk: {reason} ({self.path.parent}). "
            "Your work goes on in memory; make room there, or choose another folder."
        )

    def _place(self, folder: Path) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(self.head.created))
        name = f"{stamp}-{secrets.token_hex(4)}.journal"
        path = folder / self.head.image / name
        self._file, self._lock = JournalFile(path), _locked(path)

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            with suppress(OSError):
                Path(self._lock.lock_file).unlink()
            self._lock = None


def _lock_file(path: Path) -> Path:
    return path.with_suffix(".lock")


def _locked(path: Path) -> FileLock | None:
    """Lock a journal, as the system keeps locks: one that dies holds none any more."""
    lock = FileLock(_lock_file(path), timeout=_ASKED_S, thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except (Timeout, OSError, NotImplementedError):
        return None
    return lock


def is_open(path: Path) -> bool:
    """Whether a viewer, of this process or another, has a journal open."""
    if not _lock_file(path).exists():
        return False
    lock = FileLock(_lock_file(path), timeout=_ASKED_S, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False
    lock.release()
    return False
