"""What a session knows of a clip's verified frames, and what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from patience import PATIENCE_S, wait_for
from verified import NODULE, disc_film

from mambaseg.corrections import Store, corrections_folder, find_store
from mambaseg.session import ClipCorrections, Session, Worker, list_learning_data, mask_digest
from mambaseg.types import LabelSet


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))


def test_frames_are_verified_and_taken_back(worker: Worker) -> None:
    film, masks = disc_film(8)
    clip = ClipCorrections(worker, film, NODULE)
    wait_for(lambda: clip.ready)
    assert clip.verified == {}
    for frame in (2, 5):
        clip.verify({frame: masks.labels[frame]})
    assert clip.protected == {2, 5}
    wait_for(lambda: not clip.pending)
    assert clip.verified == {frame: mask_digest(masks.labels[frame]) for frame in (2, 5)}
    store = Store(clip.place)
    (case,) = store.cases()
    assert store.verified_frames(case) == [2, 5]
    clip.unverify(5)
    wait_for(lambda: not clip.pending)
    assert set(clip.verified) == {2}
    assert store.verified_frames(case) == [2]

    later = ClipCorrections(worker, disc_film(8)[0], NODULE)  # the same content, read anew
    wait_for(lambda: later.ready)
    assert later.verified == clip.verified
    told: list[dict[int, np.ndarray]] = []
    later.masks([2, 3], told.append)
    wait_for(lambda: bool(told))
    assert list(told[0]) == [2]
    np.testing.assert_array_equal(told[0][2], masks.labels[2])


def test_what_is_drawn_after_the_key_is_not_what_was_verified(worker: Worker) -> None:
    film, masks = disc_film(8)
    clip = ClipCorrections(worker, film, NODULE)
    mask = np.array(masks.labels[3])
    clip.verify({3: mask})
    mask[:] = 0
    wait_for(lambda: clip.ready and not clip.pending)
    assert clip.verified == {3: mask_digest(masks.labels[3])}


def test_other_classes_have_a_store_of_their_own(worker: Worker) -> None:
    film, masks = disc_film(8)
    for label_set in (NODULE, LabelSet.from_names({1: "cyst"})):
        clip = ClipCorrections(worker, film, label_set)
        clip.verify({1: masks.labels[1]})
        wait_for(lambda clip=clip: clip.ready and not clip.pending)
    assert len(list(corrections_folder().iterdir())) == 2
    found, problems = list_learning_data()
    assert sorted(str(data) for data in found) == [
        "cyst: 1 frame in 1 clip",
        "nodule: 1 frame in 1 clip",
    ]
    assert not problems


def test_a_failed_write_is_told_and_changes_nothing(worker: Worker) -> None:
    film, masks = disc_film(8)
    clip = ClipCorrections(worker, film, NODULE)
    wait_for(lambda: clip.ready)
    told: list[Exception] = []
    clip.failed.connect(told.append)
    clip.verify({1: masks.labels[1] * 9})  # no such class
    wait_for(lambda: bool(told))
    assert "none of the classes" in str(told[0])
    assert clip.verified == {}
    assert clip.pending == set()


def written() -> list[int]:
    """Verified frames of the film on disk, in the order in which they were written."""
    (path,) = corrections_folder().iterdir()
    lines = (path / "provenance.jsonl").read_text().splitlines()
    return [frame for line in lines for frame in json.loads(line)["frames"]]


def test_what_was_verified_is_written_after_the_window_has_closed() -> None:
    session = Session()
    worker, read = session.corrections, []
    begun, hold, ended = threading.Event(), threading.Event(), threading.Event()
    worker.submit(lambda task: (begun.set(), hold.wait(PATIENCE_S)), read.append, read.append)
    assert begun.wait(PATIENCE_S)
    film, masks = disc_film(8)
    clip = ClipCorrections(worker, film, NODULE)
    for frame in (5, 2, 7):
        clip.verify({frame: masks.labels[frame]})
    worker.submit(read.append, read.append, read.append)
    worker.submit(lambda task: ended.set(), read.append, read.append, lasting=True)
    session.close()
    hold.set()
    assert ended.wait(PATIENCE_S)
    assert written() == [5, 2, 7]
    assert read == []


def test_what_was_verified_is_written_though_the_program_ends() -> None:
    script = """
from verified import NODULE, disc_film
from mambaseg.session import ClipCorrections, Session
session = Session()
film, masks = disc_film(8)
clip = ClipCorrections(session.corrections, film, NODULE)
for frame in (5, 2, 7):
    clip.verify({frame: masks.labels[frame]})
session.close()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)  # noqa: S603
    assert written() == [5, 2, 7]


def test_an_empty_store_of_these_classes_is_taken_up_again(tmp_path: Path) -> None:
    film, _ = disc_film(8)
    path = find_store(NODULE, film.channel_names).path
    (path / "imagesTr").mkdir(parents=True)  # as a first write leaves it that the disk was full for
    assert find_store(NODULE, film.channel_names).path == path
    other = LabelSet.from_names({1: "cyst"})
    assert find_store(other, film.channel_names).path != path
