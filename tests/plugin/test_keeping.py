"""Every way to change a mask in a real napari is in its journal, and comes back."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_masks import CLASSES, N_FRAMES, add_mask, kept, on_disk, watched
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt

from mambaseg.corrections import KeepingSettings, journals_folder, list_kept_work
from mambaseg.files import check_writable
from mambaseg.plugin.keeping import hand_over, keeping_of
from mambaseg.plugin.recorder import _STALLED_S
from mambaseg.plugin.shown_plane import ShownPlane

pytestmark = pytest.mark.usefixtures("display")


@pytest.fixture(autouse=True)
def home(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    # What is to be found at once must not be found by the look of every few seconds.
    monkeypatch.setattr("mambaseg.plugin.recorder._IDLE_MS", 3_600_000)


def correct(desk: Any) -> Any:
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    panel = desk.panel("Correct")
    desk.wait(lambda: panel.verify.isEnabled())
    return panel


def kinds(recorder: Any) -> list[str]:
    return [change.event.kind for change in kept(recorder).history.changes]


def drag(desk: Any, start: tuple[int, int], stop: tuple[int, int], button: Any = None) -> None:
    """Draw over the canvas with the mouse."""
    canvas = desk.viewer.window._qt_viewer.canvas.native
    button = button or Qt.MouseButton.LeftButton
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    first, last = middle + QPoint(*start), middle + QPoint(*stop)
    desk.qtbot.mousePress(canvas, button, pos=first)
    for step in range(1, 6):
        desk.qtbot.mouseMove(canvas, first + (last - first) * step / 5)
        desk.qtbot.wait(10)
    desk.qtbot.mouseRelease(canvas, button, pos=last)


def press(desk: Any, key: Any, modifier: Any = Qt.KeyboardModifier.ControlModifier) -> None:
    desk.qtbot.keyClick(desk.viewer.window._qt_viewer.canvas.native, key, modifier)


def test_strokes_fills_polygons_and_erasing_with_the_mouse_and_the_way_back(desk: Any) -> None:
    mask = add_mask(desk)
    recorder = watched(desk, mask)
    states = [np.array(mask.data)]

    def done() -> None:
        assert not np.array_equal(mask.data, states[-1]), "the mouse has drawn nothing"
        desk.qtbot.wait(20)  # nobody lifts the pen and draws on without time passing
        on_disk(desk, recorder, mask)
        states.append(np.array(mask.data))

    mask.mode, mask.brush_size = "paint", 8
    drag(desk, (-60, -40), (60, 40))
    done()
    mask.mode = "erase"
    drag(desk, (0, -40), (0, 40))
    done()
    desk.viewer.dims.set_current_step(0, 4)
    mask.mode, mask.selected_label = "fill", 2
    drag(desk, (0, 0), (0, 0))
    done()
    mask.paint_polygon(np.array([[4, 5, 5], [4, 5, 30], [4, 30, 20]]), 1)
    done()
    mask.data_setitem((np.array([1, 3]), np.array([7, 7]), np.array([9, 9])), 2)
    done()
    mask.n_edit_dimensions = 3
    mask.paint((4, 20, 20), 1)
    mask.n_edit_dimensions = 2
    done()
    assert set(kinds(recorder)) == {"stroke"}
    assert len({change.step for change in kept(recorder).history.changes}) == 6
    mask.mode = "paint"
    for state in reversed(states[:-1]):
        press(desk, Qt.Key.Key_Z)
        desk.wait(lambda state=state: np.array_equal(mask.data, state))
    assert mask.mode == "paint"
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    for state in states[1:]:
        press(desk, Qt.Key.Key_Z, both)
        desk.wait(lambda state=state: np.array_equal(mask.data, state))
    on_disk(desk, recorder, mask)


def test_a_stroke_that_goes_on_is_kept_meanwhile_and_undone_as_one(desk: Any) -> None:
    mask = add_mask(desk)
    recorder = watched(desk, mask)
    mask.mode, mask.brush_size = "paint", 6
    canvas = desk.viewer.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    desk.qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    for step in range(3):
        desk.qtbot.mouseMove(canvas, middle + QPoint(25 * step + 10, 0))
        on_disk(desk, recorder, mask)
    assert len(kinds(recorder)) > 1
    desk.qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle + QPoint(60, 0))
    on_disk(desk, recorder, mask)
    recorder.undo()
    desk.wait(lambda: not mask.data.any())


def test_undo_and_redo_of_napari_are_found_though_they_tell_nothing(desk: Any) -> None:
    mask = add_mask(desk)
    recorder = watched(desk, mask)
    mask.paint((2, 20, 20), 1)
    on_disk(desk, recorder, mask)
    # Two frames that are not shown, and one that is, at once.
    mask.data_setitem((np.array([1, 2, 5]), np.array([7, 7, 7]), np.array([9, 9, 9])), 2)
    on_disk(desk, recorder, mask)
    mask.undo()
    on_disk(desk, recorder, mask)
    assert kept(recorder).history.position == 1
    mask.redo()
    on_disk(desk, recorder, mask)
    mask.undo()
    mask.undo()
    on_disk(desk, recorder, mask)
    assert not mask.data.any()
    assert kinds(recorder) == ["stroke", "stroke"]


def test_what_tells_nothing_is_found_while_the_journal_is_busy(desk: Any) -> None:
    mask = add_mask(desk)
    recorder = watched(desk, mask)
    mask.paint((2, 20, 20), 1)
    on_disk(desk, recorder, mask)
    journals, calm = keeping_of(desk.viewer).session.journals, threading.Event()

    def work() -> None:
        if not calm.wait(0.01):
            journals.submit(work)

    journals.submit(work)
    try:
        mask.undo()
        on_disk(desk, recorder, mask)
    finally:
        calm.set()


def test_the_plane_that_is_shown_is_known_wherever_the_mask_lies() -> None:
    viewer = ViewerModel()
    mask = viewer.add_labels(
        np.zeros((6, 48, 60), np.uint8), scale=(0.5, 1, 2), translate=(3, 0, 1)
    )
    shown = ShownPlane(viewer, mask)
    for step in (0, 4, 5):
        viewer.dims.set_current_step(0, step)
        shown.forget()
        assert shown.look() == (step, True)
    mask.translate = (2, 0, 1)
    assert shown.look()[0] == round(mask.world_to_data(viewer.dims.point)[0])
    viewer.dims.order = (1, 0, 2)
    shown.forget()
    assert not shown.look()[1]


def test_data_that_is_assigned_or_written_to_is_found(desk: Any) -> None:
    mask = add_mask(desk)
    recorder = watched(desk, mask)
    mask.paint((2, 20, 20), 1)
    on_disk(desk, recorder, mask)
    drawn = np.array(mask.data)
    other = np.random.default_rng(0).integers(0, 3, mask.data.shape).astype(np.uint8)
    mask.data = other.copy()
    on_disk(desk, recorder, mask)
    desk.qtbot.wait(50)
    mask.undo()
    np.testing.assert_array_equal(mask.data, other)  # napari's old strokes are forgotten
    recorder.undo()
    desk.wait(lambda: np.array_equal(mask.data, drawn))
    mask.data[4, 3:9] = 2
    mask.refresh()
    on_disk(desk, recorder, mask)


def test_what_nothing_tells_of_is_found_by_looking_again_and_again(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mambaseg.plugin.recorder._IDLE_MS", 100)
    mask = add_mask(desk)
    recorder = watched(desk, mask)
    mask.data[5, 3:9] = 2
    on_disk(desk, recorder, mask)


def test_a_run_is_one_step_and_verifying_is_noted_with_its_history(desk: Any) -> None:
    mask = desk.segmented(N_FRAMES)
    recorder = watched(desk, mask)
    on_disk(desk, recorder, mask)
    history = kept(recorder).history
    assert {change.event.kind for change in history.changes} == {"run"}
    assert len({change.step for change in history.changes}) == 1
    assert history.changes[0].event.model == "colour"
    panel = correct(desk)
    desk.viewer.dims.set_current_step(0, 2)
    mask.paint((2, 20, 20), 1 - int(mask.data[2, 20, 20]))
    desk.wait(lambda: "frame 2" in panel.verify.text())
    desk.click(panel.verify)
    desk.wait(lambda: panel.map.states[2] == "verified")
    desk.wait(lambda: [event.kind for event in kept(recorder).history.events] == ["verified"])
    lines = list(journals_folder().parent.glob("Dataset*/provenance.jsonl"))
    text = lines[0].read_text()
    assert '"kind": "run"' in text
    assert '"model": "colour"' in text
    assert '"kind": "stroke"' in text
    recorder.undo()
    recorder.undo()
    desk.wait(lambda: not mask.data.any())


def test_undo_leads_back_across_a_run_that_replaced_the_mask(desk: Any) -> None:
    old = add_mask(desk)
    old.paint((2, 20, 20), 1)
    recorder = watched(desk, old)
    on_disk(desk, recorder, old)
    drawn = np.array(old.data)
    new = add_mask(desk, np.full_like(drawn, 2))
    path = recorder.journal.status.path
    watched(desk, new)
    hand_over(desk.viewer, old, new)
    desk.viewer.layers.remove(old)
    recorder = keeping_of(desk.viewer).recorder(new)
    desk.wait(lambda: recorder.journal.status.path == path)
    new.paint((3, 20, 20), 1)
    on_disk(desk, recorder, new)
    recorder.undo()
    desk.wait(lambda: (new.data == 2).all())
    recorder.undo()
    desk.wait(lambda: np.array_equal(new.data, drawn))
    assert len(list_kept_work()[0]) == 1, "one journal goes on, the other is gone"


@pytest.mark.slow
def test_undo_leads_back_across_a_run_of_the_panel(desk: Any) -> None:
    from qtpy.QtWidgets import QMessageBox

    mask = desk.segmented(N_FRAMES)
    recorder = watched(desk, mask)
    mask.paint((2, 20, 20), 1 - int(mask.data[2, 20, 20]))
    on_disk(desk, recorder, mask)
    drawn, path = np.array(mask.data), recorder.journal.status.path
    segment = desk.panel("Segment")
    desk.click(segment.run_button)
    desk.wait(lambda: segment.findChild(QMessageBox) is not None)
    box = segment.findChild(QMessageBox)
    desk.click(next(one for one in box.buttons() if "Replace" in one.text()))
    desk.wait(lambda: segment.run_button.isEnabled() and mask not in desk.viewer.layers)
    new = desk.viewer.layers[-1]
    recorder = keeping_of(desk.viewer).recorder(new)
    desk.wait(lambda: recorder.journal.status.path == path)
    on_disk(desk, recorder, new)
    assert not np.array_equal(new.data, drawn)
    recorder.undo()
    desk.wait(lambda: np.array_equal(new.data, drawn))


def test_work_is_offered_when_the_image_is_opened_again_and_undo_goes_on(
    desk: Any, make_napari_viewer: Any, qtbot: Any
) -> None:
    mask = add_mask(desk, name="mine")
    recorder = watched(desk, mask)
    states = [np.array(mask.data)]
    for row in (10, 20, 30):
        mask.paint((2, row, 20), 1)
        on_disk(desk, recorder, mask)
        states.append(np.array(mask.data))
    keeping_of(desk.viewer).session.close()  # as when its window closes
    desk.wait(lambda: not list_kept_work()[0][0].open)
    again = type(desk)(make_napari_viewer(show=True), qtbot)
    keeping_of(again.viewer)
    again.add_clip(N_FRAMES)
    again.wait(lambda: "Correct (mambaseg)" in again.viewer.window.dock_widgets)
    panel = again.panel("Correct")
    again.wait(lambda: panel.offer.isVisible())
    assert panel.offer.choice.currentText().startswith("mine: 3 steps, ")
    again.click(panel.offer.restore)
    again.wait(lambda: len(again.viewer.layers) == 2)
    assert not panel.offer.isVisible()
    new = again.viewer.layers[-1]
    np.testing.assert_array_equal(new.data, states[3])
    assert new.name == "mine"
    assert new.metadata["label_set"].names == CLASSES.names
    again.wait(lambda: panel.history.undo.isEnabled())
    for state in states[2::-1]:
        again.click(panel.history.undo)
        again.wait(lambda state=state: np.array_equal(new.data, state))
    again.wait(lambda: not panel.history.undo.isEnabled())
    again.wait(lambda: len(panel.history.timeline.moments) == 3)
    # Jump to the newest step, by a click on its line.
    timeline = panel.history.timeline
    place = timeline.visualRect(timeline.model().index(0, 1)).center()
    qtbot.mouseClick(timeline.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert again.viewer.dims.current_step[0] == 2
    again.wait(lambda: panel.history.back.isEnabled())
    again.click(panel.history.back)
    again.wait(lambda: np.array_equal(new.data, states[3]))
    on_disk(again, keeping_of(again.viewer).recorder(new), new)


def test_the_second_viewer_of_an_image_is_told_and_gets_a_branch(
    desk: Any, make_napari_viewer: Any, qtbot: Any, notices: list[str]
) -> None:
    mask = add_mask(desk)
    recorder = watched(desk, mask)
    mask.paint((2, 20, 20), 1)
    on_disk(desk, recorder, mask)
    again = type(desk)(make_napari_viewer(show=True), qtbot)
    other = add_mask(again)
    second = watched(again, other)
    again.wait(lambda: any("branch of its own" in text for text in notices))
    other.paint((3, 10, 10), 2)
    on_disk(again, second, other)
    on_disk(desk, recorder, mask)
    assert second.journal.status.path != recorder.journal.status.path


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_is_said_at_once_and_another_folder_takes_it(
    desk: Any, tmp_path: Path, notices: list[str]
) -> None:
    import resource

    random_mask = np.random.default_rng(0).integers(0, 3, (N_FRAMES, 48, 60)).astype(np.uint8)
    mask = add_mask(desk, random_mask)
    panel = correct(desk)
    recorder = watched(desk, mask)
    # More than the notification that napari prints.
    assert recorder.journal.status.n_bytes > 4000
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (recorder.journal.status.n_bytes, limits[1]))
    try:
        mask.paint((2, 20, 20), 1)
        desk.wait(lambda: any("not on disk" in text for text in notices))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "not on disk" in desk.copied_diagnostics()  # ahead of what makes the notice go
    desk.wait(lambda: "Your work goes on in memory" in panel.history.note.text())
    mask.paint((3, 20, 20), 1)
    keeping_of(desk.viewer).move_to(tmp_path / "other")
    desk.wait(lambda: str(tmp_path / "other") in recorder.journal.status.path)
    on_disk(desk, recorder, mask)


@pytest.mark.slow
def test_a_drive_that_stalls_never_stalls_the_viewer(desk: Any) -> None:
    mask = add_mask(desk)
    panel = correct(desk)
    recorder = watched(desk, mask)
    drive = threading.Event()

    def stall() -> None:
        drive.wait()

    keeping_of(desk.viewer).session.journals.submit(stall)
    for row in range(5, 45, 5):
        mask.paint((2, row, 20), 1)
        desk.qtbot.wait(10)
    assert recorder.journal.behind_s > 0, "all was drawn before the drive answered"
    desk.wait(lambda: "has not answered" in panel.history.note.text())
    drawn = np.array(mask.data)
    desk.wait(lambda: recorder.journal.behind_s > _STALLED_S)
    recorder.undo()  # napari's own takes its place
    assert not np.array_equal(mask.data, drawn)
    drive.set()
    on_disk(desk, recorder, mask)
    desk.wait(lambda: "within a second" in panel.history.note.text())


def test_settings_say_what_is_kept_and_purge_it(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtpy.QtWidgets import QMessageBox

    from mambaseg.plugin.kept_dialog import KeptDialog

    mask = add_mask(desk)
    panel = correct(desk)
    recorder = watched(desk, mask)
    desk.click(panel.verify)
    desk.wait(lambda: panel.map.states[2] == "verified")
    desk.click(panel.history.keep)
    dialog = panel.findChild(KeptDialog)
    desk.click(dialog.purge)
    box = dialog.findChild(QMessageBox)
    desk.click(next(one for one in box.buttons() if "Remove" in one.text()))
    stores = journals_folder().parent
    desk.wait(lambda: not list(stores.glob("Dataset*/imagesTr/*.nrrd")))
    assert Path(recorder.journal.status.path).exists(), "the open mask's journal stays"
    desk.type(dialog.folder.line, str(tmp_path / "mine"))
    dialog.days.setValue(30)
    drive = threading.Event()
    monkeypatch.setattr(
        "mambaseg.plugin.kept_dialog.check_writable",
        lambda folder: drive.wait() and check_writable(folder),
    )
    desk.click(dialog.save)  # the drive does not answer, and the viewer does
    assert not dialog.save.isEnabled()
    assert dialog.isVisible()
    drive.set()
    desk.wait(lambda: not dialog.isVisible())
    assert KeepingSettings.read() == KeepingSettings(folder=tmp_path / "mine", keep_days=30)
    desk.wait(lambda: str(tmp_path / "mine") in recorder.journal.status.path)


def test_a_layer_that_was_removed_on_purpose_is_not_offered(desk: Any) -> None:
    mask = add_mask(desk)
    recorder = watched(desk, mask)
    mask.paint((2, 20, 20), 1)
    on_disk(desk, recorder, mask)
    desk.viewer.layers.remove(mask)
    desk.wait(lambda: list_kept_work()[0][0].removed)
    desk.wait(lambda: not list_kept_work()[0][0].open)
