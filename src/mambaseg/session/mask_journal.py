"""The journal of one mask as the panels see it: told of changes, asked for the way back."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Container, Hashable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from psygnal import Signal

from mambaseg.corrections import (
    Event,
    History,
    Journal,
    JournalHead,
    Kept,
    Piece,
    Planes,
    as_planes,
)
from mambaseg.session.held_back import HeldBack
from mambaseg.session.journal_status import Status, status_of
from mambaseg.session.lasting_thread import LastingThread
from mambaseg.session.mask_reading import changed_planes, event_now, read_planes
from mambaseg.session.timeline import frames_account
from mambaseg.types.errors import MambasegError

__all__ = ["MaskJournal"]

_PATIENCE_S = 60.0

T = TypeVar("T")
Act = Callable[[Journal], Callable[[], None] | None]


class MaskJournal:
    """Hands what happens to a mask to the thread that writes, in order.

    Parameters
    ----------
    thread : LastingThread
        Where all reading and writing is done.

    Attributes
    ----------
    status : Status
        As of the last `changed`.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, thread: LastingThread) -> None:
        self._thread = thread
        self._journal: Journal | None = None  # only the thread uses it
        self._base: Planes | None = None
        self._steps: dict[Hashable, int] = {}
        self._do = HeldBack(self._submit)  # until it is known where it goes
        self._ended = False
        self.status = Status()

    @property
    def begun(self) -> bool:
        """Whether it is known where the journal lies."""
        return not self._do.holding

    @property
    def behind_s(self) -> float:
        """How long changes have waited to be written, in seconds."""
        return self._thread.behind_s

    # How it begins

    def read(self, data: Any) -> None:
        """Have the mask read as it is now, before anything is recorded."""

        def work() -> None:
            self._base = read_planes(data)

        self._thread.submit(work)

    def begin(self, folder: Path, head: JournalHead) -> None:
        """Keep the mask that was read, and what has happened to it meanwhile."""

        def make() -> Journal:
            assert self._base is not None  # noqa: S101 - `read` came before
            base, self._base = self._base, None
            return Journal.begin(folder, head, base)

        self._open(make)

    def resume(self, folder: Path, path: Path, kept: Kept) -> None:
        """Go on with a journal that was read from a file."""
        self._open(lambda: Journal.resume(folder, path, kept))

    def renew(self, data: Any) -> None:
        """Keep a mask whose labels are of another shape or type now; what was kept stays closed."""
        self.read(data)
        if self._do.holding:  # nothing was kept yet
            self._do.forget()
            return

        def act(journal: Journal) -> Callable[[], None]:
            assert self._base is not None  # noqa: S101 - it was read just now
            base, self._base = self._base, None
            journal.close()
            form = {"shape": data.shape, "dtype": data.dtype.name, "created": time.time()}
            head = journal.head.model_copy(update=form)
            self._journal = Journal.begin(journal.path.parents[1], head, base)
            self._steps.clear()
            return self._told()

        self._do(act)

    def _open(self, make: Callable[[], Journal]) -> None:
        def work() -> Callable[[], None]:
            self._journal = make()
            return self._told()

        self._thread.submit(work)
        self._do.release()

    # What happens to the mask

    def record(self, pieces: list[Piece], event: Event, step: Hashable = None) -> None:
        """Tell what parts of the mask hold now; those of one `step` are undone together."""

        def act(journal: Journal) -> Callable[[], None] | None:
            journal.retry()
            if not journal.record(pieces, event, self._step(journal, step)):
                return None
            return self._told()

        self._do(act)

    def compare(
        self,
        data: Any,
        pieces: list[Piece],
        event: Event,
        touched: Container[int],
        done: Callable[[], None],
    ) -> None:
        """Find what has changed where nobody said so, and record it as one step.

        Parameters
        ----------
        data : array-like
            The mask; read by the thread that writes.
        pieces : list of Piece
            Whole planes that were copied before, because they may change meanwhile.
        event : Event
            What to call it.
        touched : container of int
            Planes that are drawn on from now on; they are left out.
        done : callable
            Called by the thread that writes, however it went.
        """

        def act(journal: Journal) -> Callable[[], None] | None:
            try:
                journal.retry()
                planes = journal.history.planes
                if as_planes(data.shape) != planes.shape:
                    return None
                found = changed_planes(planes, data, pieces, touched)
                return self._told() if journal.record(found, event) else None
            finally:
                done()

        self._do(act)

    def note(self, event: Event) -> None:
        """Keep what happened to the mask and changed no label."""

        def act(journal: Journal) -> Callable[[], None]:
            journal.note(event)
            return self._told()

        self._do(act)

    def describe(self, **changes: object) -> None:
        """Keep other words about the mask, as `Journal.describe`."""
        self._do(lambda journal: journal.describe(**changes))

    def take_over(self, other: MaskJournal, data: Any, event: Event) -> None:
        """Go on with the journal of a mask that this one replaces, as one step of it."""

        def act(journal: Journal) -> Callable[[], None] | None:
            before = other._journal
            if (
                before is None
                or before.closed
                or before.history.planes.shape != as_planes(data.shape)
            ):
                return None
            pieces = [Piece(n, 0, 0, plane) for n, plane in enumerate(journal.history.planes)]
            before.record(pieces, event)
            self._journal, other._journal = before, None
            journal.discard()
            self._steps.clear()
            before.describe(name=journal.head.name, provenance=journal.head.provenance)
            return self._told()

        other._ended = True
        self._do(act)

    # The way back

    def undo(self, done: Callable[[list[Piece]], None]) -> None:
        """Take the last step back; `done` is told what the mask has to hold."""
        self._move(lambda journal: journal.undo(event_now("moved")), done)

    def redo(self, done: Callable[[list[Piece]], None]) -> None:
        """Do again what was undone last."""
        self._move(lambda journal: journal.redo(event_now("moved")), done)

    def go_to(self, position: int, done: Callable[[list[Piece]], None]) -> None:
        """Go to the state after a number of changes."""
        self._move(lambda journal: journal.move(position, event_now("moved")), done)

    def _move(
        self, move: Callable[[Journal], list[Piece]], done: Callable[[list[Piece]], None]
    ) -> None:
        def act(journal: Journal) -> Callable[[], None]:
            try:
                pieces = move(journal)
            except Exception as error:  # `done` is waited for, whatever it is
                return self._failing(error, lambda: done([]))
            told = self._told()

            def tell() -> None:
                done(pieces)
                told()

            return tell

        self._do(act)

    def ask(self, question: Callable[[History], T], done: Callable[[T], None]) -> None:
        """Have a question answered by the thread that writes; `done` is told the answer."""

        def act(journal: Journal) -> Callable[[], None]:
            try:
                answer = question(journal.history)
            except MambasegError as error:
                return self._failing(error, lambda: None)
            return lambda: done(answer)

        self._do(act)

    def account(self, planes: Collection[int]) -> list[dict[str, Any]]:
        """Say how planes of the mask came about; for other threads than that of the panels.

        Returns
        -------
        list of dict
            As `frames_account` gives it; empty where the drive has stalled, or nothing is kept.
        """
        answer: Future[list[dict[str, Any]]] = Future()
        self._do(
            lambda journal: answer.set_result(frames_account(journal.history, planes)),
            lambda: answer.set_result([]),
        )
        try:
            return answer.result(_PATIENCE_S)
        except TimeoutError:
            return []

    # Where it lies

    def move_to(self, folder: Path) -> None:
        """Go on in another folder."""

        def act(journal: Journal) -> Callable[[], None]:
            journal.move_to(folder)
            return self._told()

        self._do(act)

    def close(self) -> None:
        """Let others open it, once all is written."""
        if not self._ended:
            self._ended = True
            self._do.release()
            self._thread.submit(self._close)

    def discard(self, done: Callable[[], None]) -> None:
        """Remove it from the disk."""
        self._ended = True

        def work() -> Callable[[], None]:
            if self._journal is not None:
                self._journal.discard()
                self._journal = None
            return done

        self._thread.submit(work)

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def _submit(self, act: Act, instead: Callable[[], None] = lambda: None) -> None:
        """Have something done to the journal, or something else where there is none."""

        def work() -> Callable[[], None] | None:
            journal = self._journal
            if journal is None or journal.closed:
                instead()
                return None
            problem = journal.problem
            tell = act(journal)
            return tell or (self._told() if journal.problem != problem else None)

        self._thread.submit(work)

    def _step(self, journal: Journal, step: Hashable) -> int:
        if step is None:
            return journal.new_step()
        if step not in self._steps:
            self._steps = {step: journal.new_step()}  # a new one ends those before
        return self._steps[step]

    def _told(self) -> Callable[[], None]:
        """Look at the journal in its thread; what this gives tells of it in the other."""
        journal = self._journal
        assert journal is not None  # noqa: S101 - only asked when there is one
        status = status_of(journal)

        def tell() -> None:
            before, self.status = self.status, status
            if status.problem and status.problem != before.problem:
                self.failed.emit(status.problem)
            self.changed.emit()

        return tell

    def _failing(self, error: Exception, after: Callable[[], None]) -> Callable[[], None]:
        def tell() -> None:
            after()
            if not isinstance(error, MambasegError):
                raise error
            self.failed.emit(str(error))

        return tell
