"""What there is to restore of an image."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S

from mambaseg.corrections import (
    Event,
    Journal,
    JournalHead,
    Piece,
    Planes,
    Store,
    find_store,
    image_key,
    journals_folder,
    read_journal,
)
from mambaseg.corrections.journal_records import Kind, find_record
from mambaseg.session import Worker
from mambaseg.session.kept_work import Findings, find_kept_work, purge_image
from mambaseg.types import LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import OutputError

SHAPE = (4, 20, 30)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


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
    findings = told.get(timeout=PATIENCE_S)
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


def purged(worker: Worker, clip: MedicalImage) -> Any:
    told: SimpleQueue[Any] = SimpleQueue()
    purge_image(worker, clip, told.put, told.put)
    return told.get(timeout=PATIENCE_S)


@pytest.fixture
def stored(clip: MedicalImage) -> Store:
    classes = LabelSet.from_names({1: "nodule"})
    store = find_store(classes, clip.channel_names)
    other = replace(clip, array=clip.array + np.uint8(1), source="other.mp4")
    for one in (clip, other):
        store.verify(one, Segmentation(np.ones(SHAPE, np.uint8), "TYX", classes), [1])
    return store


def test_a_purge_takes_what_a_write_that_was_cut_off_left_and_the_name(
    worker: Worker, clip: MedicalImage, stored: Store
) -> None:
    listing = stored.path / "dataset.json"
    content = json.loads(listing.read_text())
    (case,) = [one for one in content["dataset"] if one.startswith("film")]
    del content["dataset"][case]  # as if a kill had come before it was listed
    listing.write_text(json.dumps(content))
    assert purged(worker, clip) == "Removed 0 journals and 1 verified clip of film.mp4."
    files = [path for path in stored.path.rglob("*") if path.is_file()]
    assert not [path for path in files if "film" in path.name]
    assert not [path for path in files if b"film" in path.read_bytes()]
    (other,) = stored.cases()
    assert stored.verified_frames(other) == [1]
    assert purged(worker, clip) == "Removed 0 journals and 0 verified clips of film.mp4."


def test_a_purge_says_what_it_could_not_remove(
    worker: Worker, clip: MedicalImage, stored: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = drawn_on(clip)
    journal.close()
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name.startswith("film") or path == journal.path:
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    error = purged(worker, clip)
    assert isinstance(error, OutputError)
    assert "is still kept" in str(error)
    assert str(journal.path) in str(error)
    for file in stored.path.rglob("film*.nrrd"):
        assert str(file) in str(error)
