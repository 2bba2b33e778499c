"""The journal of a mask as the panels see it: what fails, and what comes after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S

from mambaseg.corrections import Event, Journal, JournalHead, Piece, read_journal
from mambaseg.corrections.journal import user_name
from mambaseg.session import MaskJournal, Session

SHAPE = (4, 20, 30)


class Desk:
    """A journal, and the news of it that have not been told yet."""

    def __init__(self, folder: Path) -> None:
        self._news: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.session = Session(self._news.put)
        self.journal = MaskJournal(self.session.journals)
        self.folder = folder

    def begin(self) -> None:
        self.journal.read(np.zeros(SHAPE, np.uint8))
        words = {"image": "0" * 32, "image_name": "film", "name": "mask", "created": 1.7e9}
        self.journal.begin(self.folder, JournalHead(**words, shape=SHAPE, dtype="uint8"))
        self.hear()

    def hear(self) -> None:
        """Let the thread do all, and hear of it."""
        done: list[bool] = []
        self.session.journals.submit(lambda: lambda: done.append(True))
        while not done:
            self._news.get(timeout=PATIENCE_S)()

    def draw(self, row: int) -> None:
        piece = Piece(1, row, 0, np.ones((1, 10), np.uint8))
        self.journal.record([piece], Event("stroke", time.time()))

    def on_disk(self) -> int:
        history = read_journal(Path(self.journal.status.path)).history
        return int(history.planes.array().sum())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "journals")
    yield made
    made.session.close()


def test_a_fault_in_undo_is_answered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(journal: Journal, event: Event) -> list[Piece]:
        raise MemoryError("no room")

    desk.begin()
    desk.draw(1)
    told: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "undo", fail)
        desk.journal.undo(told.append)
        with pytest.raises(MemoryError):
            desk.hear()
    assert told == [[]]
    desk.draw(2)
    desk.hear()
    assert desk.on_disk() == 20


def test_it_is_told_that_a_disk_is_back_though_nothing_is_new(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mambaseg.corrections.journal._RETRY_S", 0)
    desk.begin()
    folder, away = desk.folder, desk.folder.with_name("away")
    folder.rename(away)
    folder.touch()  # where a file stands no folder can be made
    desk.draw(1)
    desk.hear()
    assert "not on disk" in desk.journal.status.problem
    folder.unlink()
    desk.draw(1)
    desk.hear()
    assert desk.journal.status.problem == ""
    assert desk.on_disk() == 10


def test_who_asks_how_a_mask_came_about_is_answered_though_it_ends_before_it_began(
    desk: Desk,
) -> None:
    with ThreadPoolExecutor(1) as verifier:
        answer = verifier.submit(desk.journal.account, [1])
        desk.journal.close()
        assert answer.result(PATIENCE_S) == []


def test_undo_and_redo_are_kept_with_time_and_user(desk: Desk) -> None:
    desk.begin()
    desk.draw(1)
    begun = time.time()
    desk.journal.undo(lambda pieces: None)
    desk.journal.redo(lambda pieces: None)
    desk.journal.redo(lambda pieces: None)  # there is nothing left to do again
    desk.hear()
    events = read_journal(Path(desk.journal.status.path)).history.events
    assert [(event.kind, event.user) for event in events] == 2 * [("moved", user_name())]
    assert all(begun <= event.time <= time.time() for event in events)
