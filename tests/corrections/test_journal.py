"""A mask's journal: what it restores, and what it refuses to."""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from patience import PATIENCE_S

import mambaseg.corrections.journal
from mambaseg.corrections import (
    Event,
    Journal,
    JournalHead,
    KeepingSettings,
    Piece,
    Planes,
    corrections_folder,
    list_kept_work,
    purge_journals,
    read_journal,
    remove_old_journals,
)
from mambaseg.corrections.journal import is_open
from mambaseg.types.errors import StoreError

SHAPE = (4, 20, 30)
IMAGE = "0" * 32


def head(**changes: Any) -> JournalHead:
    values = {"image": IMAGE, "image_name": "film.mp4", "name": "mask", "created": 1.7e9}
    return JournalHead(**{**values, "shape": SHAPE, "dtype": "uint8", **changes})


def begin(folder: Path, mask: np.ndarray | None = None) -> Journal:
    mask = np.zeros(SHAPE, np.uint8) if mask is None else mask
    planes = Planes(mask.shape, mask.dtype)
    for index, plane in enumerate(mask):
        planes[index] = plane
    return Journal.begin(folder, head(dtype=mask.dtype.name), planes)


def stroke(kind: str = "stroke", **more: Any) -> Event:
    return Event(kind, time.time(), "me", **more)


class Desk:
    """A mask, its journal, and what it held after every act."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = begin(folder)
        self.mask = np.zeros(SHAPE, np.uint8)
        self.states = [self.mask.copy()]

    def draw(self, plane: int, top: int, left: int, size: int, value: int) -> None:
        region = self.mask[plane, top : top + size, left : left + size]
        region[...] = value
        self.journal.record([Piece(plane, top, left, region.copy())], stroke())
        self.states.append(self.mask.copy())

    def put(self, pieces: list[Piece]) -> None:
        for plane, top, left, values in pieces:
            height, width = values.shape
            self.mask[plane, top : top + height, left : left + width] = values
        self.states.append(self.mask.copy())

    def restored(self) -> np.ndarray:
        return read_journal(self.journal.path, IMAGE).history.planes.array()

    def crash(self) -> None:
        """Leave everything as a kill would, and begin again from the file."""
        path = self.journal.path
        self.journal._unlock()
        self.journal = Journal.resume(self.folder, path, read_journal(path, IMAGE))
        assert self.journal.path == path


def test_what_was_told_is_on_disk_and_leads_back_and_forth(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 2, 3, 5, 1)
    desk.draw(3, 0, 0, 20, 2)
    desk.draw(1, 4, 4, 6, 0)
    np.testing.assert_array_equal(desk.restored(), desk.mask)
    desk.crash()
    for state in (2, 1, 0):
        desk.put(desk.journal.undo())
        np.testing.assert_array_equal(desk.mask, desk.states[state])
        np.testing.assert_array_equal(desk.restored(), desk.mask)
    assert desk.journal.undo() == []
    desk.crash()
    for state in (1, 2, 3):
        desk.put(desk.journal.redo())
        np.testing.assert_array_equal(desk.mask, desk.states[state])
    assert desk.journal.redo() == []
    kept = read_journal(desk.journal.path)
    assert [change.event.user for change in kept.history.changes] == ["me"] * 3


_acts = st.lists(
    st.one_of(
        st.tuples(
            st.just("draw"),
            st.integers(0, 3),
            st.integers(0, 19),
            st.integers(0, 29),
            st.integers(1, 9),
            st.integers(0, 3),
        ),
        st.sampled_from([("undo",), ("redo",), ("crash",), ("save",)]),
        st.tuples(st.just("jump"), st.floats(0, 1)),
    ),
    max_size=40,
)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_acts)
def test_undo_and_redo_through_restore_are_those_of_a_list_of_states(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    desk = Desk(folder)
    states, now = [desk.mask.copy()], 0
    for act, *rest in acts:
        if act == "draw":
            before = desk.mask.copy()
            desk.draw(*rest)
            if not np.array_equal(before, desk.mask):
                states[now + 1 :] = [desk.mask.copy()]
                now += 1
        elif act == "undo":
            desk.put(desk.journal.undo())
            now = max(0, now - 1)
        elif act == "redo":
            desk.put(desk.journal.redo())
            now = min(len(states) - 1, now + 1)
        elif act == "jump":
            now = round(rest[0] * (len(states) - 1))
            desk.put(desk.journal.move(now))
        elif act == "save":
            desk.journal.save()
        else:
            desk.crash()
        np.testing.assert_array_equal(desk.mask, states[now])
        np.testing.assert_array_equal(desk.restored(), states[now])
    shutil.rmtree(folder)


def rich_journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Strokes, runs, undo, notes, and snapshots in between."""
    monkeypatch.setattr("mambaseg.corrections.journal._ROOM", 300)
    desk = Desk(folder)
    randomly = random.Random(0)  # noqa: S311
    for number in range(14):
        desk.draw(
            *(randomly.randrange(4), randomly.randrange(15), randomly.randrange(25)),
            *(randomly.randrange(2, 8), randomly.randrange(1, 4)),
        )
        if number % 7 == 3:
            for _ in range(randomly.randrange(1, 4)):
                desk.put(desk.journal.undo())
        if number % 9 == 4:
            desk.put(desk.journal.redo())
        if number % 5 == 0:
            desk.journal.note(stroke("verified", frame=1))
    return desk


def true_or_refused(path: Path, states: set[bytes], *, back: bool = True) -> bool:
    try:
        kept = read_journal(path, IMAGE)
    except StoreError as error:
        assert str(path) in str(error)
        return False
    assert kept.history.planes.array().tobytes() in states
    # The way back leads over true states too.
    while back and kept.history.position:
        kept.history.move(kept.history.undo_target())
        assert kept.history.planes.array().tobytes() in states
    return True


def test_every_prefix_gives_an_earlier_state_or_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = rich_journal(tmp_path / "a", monkeypatch)
    states = {state.tobytes() for state in desk.states}
    data = desk.journal.path.read_bytes()
    cut = tmp_path / "cut.journal"
    restored = 0
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        restored += true_or_refused(cut, states, back=length % 10 == 0)
    assert restored > 0.8 * len(data)


def test_flipped_bits_never_give_a_wrong_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = rich_journal(tmp_path / "a", monkeypatch)
    states = {state.tobytes() for state in desk.states}
    data = desk.journal.path.read_bytes()
    randomly = random.Random(1)  # noqa: S311
    flipped = tmp_path / "flipped.journal"
    restored = 0
    for number in range(400):
        changed = bytearray(data)
        for _ in range(1 + number % 3):
            changed[randomly.randrange(len(data))] ^= 1 << randomly.randrange(8)
        flipped.write_bytes(changed)
        restored += true_or_refused(flipped, states)
    assert restored > 200


def test_damage_in_the_middle_costs_undo_but_not_what_came_after_a_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = rich_journal(tmp_path, monkeypatch)
    data = bytearray(desk.journal.path.read_bytes())
    desk.journal.save()
    whole = desk.journal.path.read_bytes()
    assert len(whole) < len(data), "written anew it holds only what is needed"
    changed = bytearray(whole)
    changed[len(whole) // 3] ^= 4
    desk.journal.path.write_bytes(changed)
    kept = read_journal(desk.journal.path)
    assert "damaged at byte" in kept.damage
    np.testing.assert_array_equal(kept.history.planes.array(), desk.mask)
    assert kept.history.changes == []


def test_other_images_newer_versions_and_no_journals_are_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(StoreError, match=r"another image, 'film\.mp4'"):
        read_journal(desk.journal.path, "1" * 32)
    with pytest.raises(StoreError, match="cannot be read"):
        read_journal(tmp_path / "none.journal")
    (tmp_path / "empty.journal").touch()
    with pytest.raises(StoreError, match="no journal of ours"):
        read_journal(tmp_path / "empty.journal")
    newer = head().model_copy(update={"format_version": 2})
    desk.journal._file.write(newer, desk.journal.history)
    with pytest.raises(StoreError, match="newer mambaseg"):
        read_journal(desk.journal.path)


def test_a_change_that_does_what_undo_would_is_one(tmp_path: Path) -> None:
    """napari's undo tells nothing but that the mask was drawn anew."""
    desk = Desk(tmp_path)
    desk.draw(1, 2, 3, 5, 1)
    desk.draw(2, 2, 3, 5, 1)
    whole = [Piece(n, 0, 0, plane) for n, plane in enumerate(desk.states[1])]
    desk.journal.record(whole, stroke("program"))
    assert desk.journal.history.position == 1
    assert len(desk.journal.history.changes) == 2
    whole = [Piece(n, 0, 0, plane) for n, plane in enumerate(desk.states[2])]
    desk.journal.record(whole, stroke("program"))
    assert desk.journal.history.position == 2
    whole[0] = Piece(0, 0, 0, np.ones(SHAPE[1:], np.uint8))
    desk.journal.record(whole, stroke("program"))
    assert len(desk.journal.history.changes) == 3
    assert not desk.journal.record(whole, stroke("program")), "nothing has changed"


def test_changes_of_one_step_are_undone_together(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(0, 0, 0, 5, 1)
    step = desk.journal.new_step()
    for plane in range(4):
        values = np.full((20, 30), 3, np.uint8)
        desk.journal.record([Piece(plane, 0, 0, values)], stroke("run", model="m"), step)
        desk.mask[plane] = values
    desk.put(desk.journal.undo())
    np.testing.assert_array_equal(desk.mask, desk.states[1])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "int64"])
def test_every_type_of_labels(tmp_path: Path, dtype: str) -> None:
    random_mask = np.random.default_rng(0).integers(0, 2, SHAPE).astype(dtype)
    journal = begin(tmp_path, random_mask)
    values = np.full((4, 5), 1 if dtype == "bool" else 100, dtype)
    journal.record([Piece(2, 1, 1, values)], stroke())
    kept = read_journal(journal.path)
    assert kept.history.planes.array().dtype == dtype
    np.testing.assert_array_equal(kept.history.planes[2][1:5, 1:6], values)
    kept.history.move(0)
    np.testing.assert_array_equal(kept.history.planes.array(), random_mask)


def test_a_journal_open_elsewhere_is_taken_up_as_a_branch(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 2, 3, 5, 1)
    assert is_open(desk.journal.path)
    other = Journal.resume(tmp_path, desk.journal.path, read_journal(desk.journal.path))
    assert other.path != desk.journal.path
    other.undo()
    np.testing.assert_array_equal(desk.restored(), desk.mask)
    assert not read_journal(other.path).history.planes.array().any()
    kept, problems = list_kept_work(IMAGE, tmp_path)
    assert [work.open for work in kept] == [True, True]
    assert problems == []
    other.close()
    assert not is_open(other.path)


def test_who_asks_at_the_same_time_has_it_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mambaseg.corrections.journal, "_ASKED_S", PATIENCE_S)
    path = tmp_path / "a.journal"
    with ThreadPoolExecutor() as pool, FileLock(path.with_suffix(".lock")):
        asked = pool.submit(is_open, path)
        time.sleep(0.1)
        assert not asked.done()
    assert not asked.result(PATIENCE_S)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    import resource

    desk = Desk(tmp_path / "full")
    desk.draw(1, 2, 3, 5, 1)
    before = desk.mask.copy()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (desk.journal.n_bytes + 40, limits[1]))
    try:
        desk.draw(2, 2, 3, 5, 1)
        assert "not on disk" in desk.journal.problem
        desk.draw(3, 2, 3, 5, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    np.testing.assert_array_equal(desk.restored(), before)
    desk.put(desk.journal.undo())
    desk.journal.move_to(tmp_path / "elsewhere")
    assert desk.journal.problem == ""
    np.testing.assert_array_equal(desk.restored(), desk.mask)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    journal = begin(tmp_path / "file")
    assert "not on disk" in journal.problem
    journal.record([Piece(0, 0, 0, np.ones((3, 3), np.uint8))], stroke())
    journal.move_to(tmp_path / "good")
    assert journal.problem == ""
    assert read_journal(journal.path).history.planes.array().sum() == 9


def test_a_file_that_was_removed_is_written_anew(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 2, 3, 5, 1)
    desk.journal.path.unlink()
    desk.draw(2, 2, 3, 5, 1)
    assert desk.journal.problem == ""
    np.testing.assert_array_equal(desk.restored(), desk.mask)


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mambaseg.corrections.journal._ROOM", 1000)
    monkeypatch.setattr("mambaseg.corrections.journal.MOST_STEPS", 50)
    desk = Desk(tmp_path)
    largest = 0
    for number in range(600):
        desk.draw(number % 4, number % 15, number % 25, 1 + number % 5, 1 + number % 3)
        largest = max(largest, desk.journal.n_bytes)
    np.testing.assert_array_equal(desk.restored(), desk.mask)
    assert largest < 60_000
    desk.journal.save()
    assert len(read_journal(desk.journal.path).history.changes) <= 50


def test_a_run_of_more_frames_than_steps_are_kept_is_undone_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mambaseg.corrections.journal.MOST_STEPS", 5)
    monkeypatch.setattr("mambaseg.corrections.journal.MOST_STEP_BYTES", 500)
    desk = Desk(tmp_path)
    desk.draw(0, 0, 0, 5, 1)
    drawn, journal = desk.mask.copy(), desk.journal
    step = journal.new_step()
    for number in range(60):
        piece = Piece(number % 4, 0, 0, np.full((20, 30), 2 + number, np.uint8))
        journal.record([piece], stroke("run"), step)
    journal.save()
    assert journal.history.undo_target() == len(journal.history.changes) - 60
    desk.put(journal.undo())
    np.testing.assert_array_equal(desk.mask, drawn)
    np.testing.assert_array_equal(desk.restored(), drawn)


def test_steps_are_counted_and_not_their_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mambaseg.corrections.journal.MOST_STEPS", 5)
    desk = Desk(tmp_path)
    for number in range(8):
        step = desk.journal.new_step()
        for plane in range(4):
            piece = Piece(plane, 0, 0, np.full((5, 5), 1 + number, np.uint8))
            desk.journal.record([piece], stroke(), step)
    desk.journal.save()
    for left in (7, 6, 5, 4, 3):
        desk.put(desk.journal.undo())
        assert (desk.mask[:, :5, :5] == left).all()
    assert desk.journal.undo() == []


def test_purge_and_retention_spare_what_is_open(tmp_path: Path) -> None:
    desk, old = Desk(tmp_path), begin(tmp_path)
    old.close()
    os.utime(old.path, (0, 0))
    assert remove_old_journals(0, tmp_path) == 0
    assert remove_old_journals(30, tmp_path) == 1
    assert not old.path.exists()
    assert purge_journals(IMAGE, tmp_path) == 0
    assert desk.journal.path.exists()
    desk.journal.close()
    assert purge_journals(IMAGE, tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_of_a_write_is_no_journal_and_goes(tmp_path: Path) -> None:
    journal = begin(tmp_path)
    folder = journal.path.parent
    of_open = folder / f".partial-{16 * '0'}-{journal.path.name}"
    of_none = folder / f".partial-{16 * '1'}-20260101-000000-{8 * '2'}.journal"
    for leftover in (of_open, of_none):
        leftover.write_bytes(journal.path.read_bytes()[:30])
    kept, problems = list_kept_work(IMAGE, tmp_path)
    assert [work.path for work in kept] == [journal.path]
    assert problems == []
    remove_old_journals(0, tmp_path)
    assert of_open.exists(), "it is being written"
    assert not of_none.exists()
    journal.close()
    purge_journals(IMAGE, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_the_users_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert tmp_path / "data" in corrections_folder().parents
    KeepingSettings(folder=tmp_path / "mine", keep_days=7).write()
    assert corrections_folder() == tmp_path / "mine"
    assert KeepingSettings.read().keep_days == 7
