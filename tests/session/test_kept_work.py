"""What there is to restore of an image."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from mambaseg.corrections import (
    Event,
    Journal,
    JournalHead,
    Piece,
    Planes,
    image_key,
    journals_folder,
    read_journal,
)
from mambaseg.corrections.journal_records import Kind, find_record
from mambaseg.session import Worker
from mambaseg.session.kept_work import Findings, find_kept_work
from mambaseg.types import MedicalImage

SHAPE = (4, 20, 30)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker("mambaseg-searches")
    yield made
    made.close()


@pytest.fixture
def clip() -> MedicalImage:
    return MedicalImage(np.zeros((1, *SHAPE), np.uint8), "CTYX", source="film.mp4")


def drawn_on(clip: MedicalImage) -> Journal:
    words = {"image": image_key(clip), "image_name": "film", "name": "mask", "created": 1.7e9}
    head = JournalHead(**words, shape=SHAPE, dtype="uint8")
    journal = Journal.begin(journals_folder(), head, Planes(SHAPE, np.dtype("uint8")))
    for row in range(5):
        piece = Piece(1, row, 0, np.ones((1, 10), np.uint8))
        journal.record([piece], Event("stroke", time.time()))
    return journal


def found(worker: Worker, clip: MedicalImage) -> Findings:
    told: SimpleQueue[Any] = SimpleQueue()
    find_kept_work(worker, clip, told.put, told.put)
    findings = told.get(timeout=60)
    assert isinstance(findings, Findings)
    return findings


def test_a_whole_mask_whose_history_is_damaged_is_offered(
    worker: Worker, clip: MedicalImage
) -> None:
    journal = drawn_on(clip)
    want = journal.history.planes.array()
    journal.save()  # what the mask holds comes first now, and what was done after it
    journal.close()
    data = bytearray(journal.path.read_bytes())
    first = find_record(bytes(data), 0, Kind.PAST)
    assert first is not None
    data[first + 60] ^= 1
    journal.path.write_bytes(data)
    (work,) = found(worker, clip).work
    assert "is damaged at byte" in work.damage
    assert work.n_steps == 0
    np.testing.assert_array_equal(read_journal(work.path).history.planes.array(), want)
