"""Verifying frames in a real napari: keys, buttons, the map of frames, and what is on disk."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QMessageBox

from mambaseg.corrections import Store, corrections_folder
from mambaseg.types import LabelSet

pytestmark = pytest.mark.usefixtures("display")


def stores() -> list[Store]:
    return [Store(path) for path in sorted(corrections_folder().glob("Dataset*"))]


def correct(desk: Any) -> Any:
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    panel = desk.panel("Correct")
    desk.wait(lambda: panel.verify.isEnabled())
    return panel


def draw(mask: Any, frame: int, value: int | None = None) -> None:
    """Fill a square with a value, or turn its classes round, as an undoable stroke."""
    rows, columns = np.mgrid[10:20, 10:20].reshape(2, -1)
    if value is None:
        value = 1 - np.asarray(mask.data[frame])[rows, columns]
    mask.data_setitem((np.full(rows.size, frame), rows, columns), value)


def press(desk: Any, key: str) -> None:
    """Press a key over the canvas."""
    canvas = desk.viewer.window._qt_viewer.canvas.native
    desk.qtbot.keyClick(canvas, getattr(Qt.Key, f"Key_{key}"))


def verify(desk: Any, panel: Any, mask: Any, frames: list[int]) -> None:
    for frame in frames:
        desk.viewer.dims.set_current_step(0, frame)
        desk.wait(lambda frame=frame: f"frame {frame}" in panel.verify.text())
        desk.click(panel.verify)
    desk.wait(lambda: all(panel.map.states[frame] == "verified" for frame in frames))


def test_v_verifies_the_shown_frame_and_takes_it_back(desk: Any) -> None:
    mask = desk.segmented(6)
    desk.viewer.layers.selection.active = mask
    desk.viewer.dims.set_current_step(0, 2)
    draw(mask, 2)
    press(desk, "V")
    panel = desk.panel("Correct")
    assert mask.visible, "napari's own V hides layers; on our masks it must not"
    if not stores():  # what was verified was still being read
        desk.wait(lambda: panel.verify.isEnabled())
        press(desk, "V")
    desk.wait(lambda: panel.map.states[2:3] == ["verified"])
    (store,) = stores()
    (case,) = store.cases()
    assert store.verified_frames(case) == [2]
    image, masks = store.read(case)
    np.testing.assert_array_equal(masks.labels[2], mask.data[2])
    np.testing.assert_array_equal(
        np.asarray(image.array), np.moveaxis(np.asarray(desk.viewer.layers[0].data), -1, 0)
    )
    assert "1</b> of 6 frames" in panel.count.text()
    press(desk, "V")
    desk.wait(lambda: panel.map.states[2] == "edited")
    assert store.verified_frames(case) == []


def test_the_map_tells_drawing_from_verifying_and_undo_from_both(desk: Any) -> None:
    mask = desk.segmented(6)
    panel = correct(desk)
    assert panel.map.states == ["unverified"] * 6
    draw(mask, 3)
    desk.wait(lambda: panel.map.states[3] == "edited")
    desk.viewer.dims.set_current_step(0, 3)
    desk.wait(lambda: "Verify frame 3" in panel.verify.text())
    mask.undo()
    desk.wait(lambda: panel.map.states == ["unverified"] * 6)
    draw(mask, 3)
    verify(desk, panel, mask, [3])
    kept = np.asarray(mask.data[3]).copy()
    draw(mask, 3)
    desk.wait(lambda: panel.map.states[3] == "changed")
    assert "another mask" in panel.count.text()
    desk.click(panel.take)
    desk.wait(lambda: panel.map.states[3] == "verified")
    np.testing.assert_array_equal(mask.data[3], kept)


def test_the_map_tells_what_was_looked_at_and_what_the_model_doubted(desk: Any) -> None:
    mask = desk.segmented(12)
    desk.viewer.layers.selection.active = mask
    panel = correct(desk)
    doubt = mask.metadata["doubt"]
    worst, worth = doubt.ranked(), doubt.worth_correcting(12)
    desk.wait(
        lambda: {n for n, cell in enumerate(panel.map.cells) if cell.doubtful} == {*worst[:3]}
    )
    shown = int(desk.viewer.dims.current_step[0])
    desk.wait(lambda: panel.map.cells[shown].seen)
    assert sum(cell.seen for cell in panel.map.cells) == 1
    desk.viewer.dims.set_current_step(0, worth[-1])
    for frame in worth[:4]:
        press(desk, "D")
        assert desk.viewer.dims.current_step[0] == frame
    desk.wait(lambda: panel.map.cells[worth[3]].seen)
    desk.viewer.dims.set_current_step(0, worst[0])
    draw(mask, worst[0])
    press(desk, "D")
    (following,) = doubt.worth_correcting(1, [worst[0]])
    assert desk.viewer.dims.current_step[0] == following
    desk.wait(lambda: not panel.map.cells[worst[0]].doubtful)
    assert str(panel.map.cells[worst[0]]) == "corrected, not verified"


def test_cells_and_keys_lead_to_frames(desk: Any) -> None:
    mask = desk.segmented(8)
    panel = correct(desk)
    verify(desk, panel, mask, [2, 3])
    place = panel.map.cell_of(1).center()
    desk.qtbot.mouseClick(panel.map, Qt.MouseButton.LeftButton, pos=QPoint(place.x(), place.y()))
    assert desk.viewer.dims.current_step[0] == 1
    desk.viewer.layers.selection.active = mask
    press(desk, "N")
    assert desk.viewer.dims.current_step[0] == 4
    desk.click(panel.previous)
    assert desk.viewer.dims.current_step[0] == 1


def answer(desk: Any, panel: Any, text: str) -> None:
    desk.wait(lambda: panel.findChild(QMessageBox) is not None)
    box = panel.findChild(QMessageBox)
    desk.click(next(one for one in box.buttons() if one.text().replace("&", "") == text))


def test_segmenting_again_never_overwrites_verified_frames(desk: Any) -> None:
    mask = desk.segmented(6)
    before = np.asarray(mask.data).copy()
    panel = correct(desk)
    for frame in (1, 4):
        draw(mask, frame)
    verify(desk, panel, mask, [4])
    drawn = np.asarray(mask.data)[4].copy()
    assert not np.array_equal(drawn, before[4])
    segment = desk.panel("Segment")
    desk.raise_tab("Segment")
    desk.click(segment.run_button)
    answer(desk, segment, "Replace")
    desk.wait(lambda: segment.run_button.isEnabled())
    new = desk.viewer.layers[-1]
    assert new is not mask
    np.testing.assert_array_equal(new.data[4], drawn)
    np.testing.assert_array_equal(new.data[1], before[1])
    assert new.metadata["provenance"]["options"]["frames_kept_as_verified"] == [4]
    (store,) = stores()
    np.testing.assert_array_equal(store.read(store.cases()[0])[1].labels[4], drawn)
    desk.wait(lambda: panel.map.states == ["unverified"] * 4 + ["verified", "unverified"])


def test_what_is_verified_after_run_was_pressed_is_never_overwritten(
    desk: Any, frames: Any
) -> None:
    mask = desk.segmented(6)
    at_first = np.asarray(mask.data).copy()
    panel = correct(desk)
    for frame in range(6):
        draw(mask, frame)
    drawn = np.asarray(mask.data).copy()
    # Another clip is ahead in the queue, until it is stopped.
    desk.add_clip(60, name="long")
    frames.allow(30)
    segment = desk.panel("Segment")
    desk.raise_tab("Segment")
    desk.click(segment.view.run_button)
    desk.wait(lambda: segment.bar.value() >= 1)
    segment.layer.setCurrentText("blobs")
    desk.click(segment.view.next_button)
    answer(desk, segment, "Replace")
    desk.wait(lambda: len(segment.session.service.queue) == 2)
    desk.raise_tab("Correct")
    panel.labels.choose(mask)
    verify(desk, panel, mask, [1])
    draw(mask, 2)
    again = np.asarray(mask.data[2]).copy()
    assert len(segment.session.service.queue) == 2

    def verify_another(done: int) -> None:
        """Verify a frame as soon as the first frames of the second run have come."""
        if segment.view.run.name.startswith("blobs") and 0 < done < 5 and not pressed:
            desk.viewer.layers.selection.active = desk.viewer.layers[-1]
            desk.viewer.dims.set_current_step(0, 5)
            press(desk, "V")
            pressed.append(done)

    pressed: list[int] = []
    segment.bar.valueChanged.connect(verify_another)
    desk.click(segment.cancel_button)
    frames.allow()
    desk.wait(lambda: mask not in desk.viewer.layers)
    assert pressed
    new = desk.viewer.layers[-1]
    np.testing.assert_array_equal(new.data[[1, 5]], drawn[[1, 5]])
    np.testing.assert_array_equal(new.data[2], again)
    np.testing.assert_array_equal(new.data[[0, 3, 4]], at_first[[0, 3, 4]])
    told = new.metadata["provenance"]["options"]
    assert told["frames_kept_as_verified"] == [1, 5]
    assert told["frames_kept_as_drawn"] == [2]


def test_a_clip_opened_later_knows_its_verified_frames(
    desk: Any, make_napari_viewer: Any, qtbot: Any
) -> None:
    mask = desk.segmented(6)
    panel = correct(desk)
    draw(mask, 4)
    verify(desk, panel, mask, [1, 4])
    again = type(desk)(make_napari_viewer(show=True), qtbot)
    other = again.segmented(6)
    panel = correct(again)
    again.wait(lambda: panel.map.states[4] == "changed")
    assert panel.map.states[1] == "verified"
    again.click(panel.take)
    again.wait(lambda: panel.map.states[4] == "verified")
    np.testing.assert_array_equal(other.data[4], mask.data[4])
    other.undo()
    again.viewer.dims.set_current_step(0, 4)
    again.wait(lambda: panel.map.states[4] == "changed")


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_closing_the_viewer_loses_no_verified_frame(desk: Any) -> None:
    desk.segmented(6)
    panel = correct(desk)
    session, drive, ended = panel.session, threading.Event(), threading.Event()
    session.corrections.submit(lambda task: drive.wait(PATIENCE_S), print, print)
    for frame in (4, 1, 3):
        desk.viewer.dims.set_current_step(0, frame)
        desk.wait(lambda frame=frame: f"frame {frame}" in panel.verify.text())
        desk.click(panel.verify)
    session.corrections.submit(lambda task: ended.set(), print, print, lasting=True)
    desk.viewer.close()
    desk.wait(lambda: session.closed)
    assert not stores()
    drive.set()
    assert ended.wait(PATIENCE_S)
    (store,) = stores()
    assert store.verified_frames(store.cases()[0]) == [1, 3, 4]


def test_a_full_disk_is_told_and_the_store_stays_whole(desk: Any, notices: list[str]) -> None:
    import resource

    mask = desk.segmented(6)
    panel = correct(desk)
    desk.viewer.dims.set_current_step(0, 2)
    desk.wait(lambda: "frame 2" in panel.verify.text())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Less than the clip, and more than the notification that napari prints.
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, limits[1]))
    try:
        desk.click(panel.verify)
        desk.wait(lambda: any("Cannot write" in text for text in notices))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    desk.wait(lambda: "Cannot write" in panel.note.text())
    assert panel.map.states == ["unverified"] * 6
    assert all(store.cases() == [] for store in stores())
    verify(desk, panel, mask, [2])
    (store,) = stores()
    assert store.verified_frames(store.cases()[0]) == [2]


def test_what_cannot_be_verified_says_why(desk: Any, notices: list[str]) -> None:
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    panel = desk.panel("Correct")
    desk.wait(lambda: "There is no mask" in panel.note.text())
    plain = desk.viewer.add_labels(np.zeros((4, 8, 8), np.uint8), name="plain")
    assert "does not say what its classes are" in panel.note.text()
    desk.viewer.layers.remove(plain)
    mask = desk.segmented(6)
    desk.raise_tab("Correct")
    draw(mask, 0, 7)
    desk.viewer.dims.set_current_step(0, 0)
    desk.wait(lambda: panel.verify.isEnabled() and "frame 0" in panel.verify.text())
    desk.click(panel.verify)
    assert any("holds the labels [7]" in text for text in notices)
    assert desk.copied_diagnostics().startswith("Frame 0 was not verified")
    assert not stores()


def test_v_on_a_mask_without_its_clip_says_what_to_do(desk: Any, notices: list[str]) -> None:
    names = {"label_set": LabelSet.from_names({1: "nodule"})}
    mask = desk.viewer.add_labels(np.zeros((6, 48, 60), np.uint8), name="mine", metadata=names)
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    panel = desk.panel("Correct")
    assert "The clip of the mask 'mine' is not open" in panel.note.text()
    press(desk, "V")
    assert "The clip of the mask 'mine' is not open: open it first" in notices[-1]
    assert mask.visible
    desk.add_clip(6)
    desk.wait(lambda: panel.verify.isEnabled())
    desk.viewer.layers.selection.active = mask
    desk.viewer.dims.set_current_step(0, 2)
    press(desk, "V")
    desk.wait(lambda: panel.map.states[2] == "verified")


def test_verified_masks_are_in_the_users_folder(desk: Any, tmp_path: Path) -> None:
    mask = desk.segmented(6)
    panel = correct(desk)
    verify(desk, panel, mask, [0])
    desk.wait(lambda: str(tmp_path) in panel.note.text())
    assert str(stores()[0].path) in panel.note.text()


def test_masks_are_carried_to_the_frames_that_are_open(desk: Any, notices: list[str]) -> None:
    mask = desk.segmented(6)
    panel = correct(desk)
    desk.click(panel.carrying.carry)
    assert any("Verify a frame, or draw on one" in notice for notice in notices)
    draw(mask, 1)
    drawn = np.asarray(mask.data[1]).copy()
    before = np.asarray(mask.data).copy()
    verify(desk, panel, mask, [4])
    desk.click(panel.carrying.carry)
    desk.wait(lambda: panel.carrying.carry.text() == "Carry to open frames")
    np.testing.assert_array_equal(mask.data[1], drawn)
    np.testing.assert_array_equal(mask.data[4], before[4])
    assert (np.asarray(mask.data) != before).any()
    assert panel.map.states[1] == "edited"
    assert [panel.map.states[frame] for frame in (0, 2, 3, 5)] == ["unverified"] * 4
    carried = np.asarray(mask.data).copy()
    desk.viewer.layers.selection.active = mask
    panel._correction.recorder.undo()
    desk.wait(lambda: (np.asarray(mask.data) == before).all())
    desk.wait(lambda: [panel.map.states[n] for n in (0, 2, 3, 5)] == ["unverified"] * 4)
    panel._correction.recorder.redo()
    desk.wait(lambda: (np.asarray(mask.data) == carried).all())


def test_a_run_that_is_undone_leaves_no_corrected_frames(desk: Any) -> None:
    mask = desk.segmented(6)
    panel = correct(desk)
    desk.wait(lambda: panel._correction.clip.ready)
    panel._correction.recorder.undo()
    desk.wait(lambda: not np.asarray(mask.data).any())
    assert panel._correction.edits.edited == set()
