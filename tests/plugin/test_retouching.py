"""Keys and buttons that change masks of whole frames, in a real napari."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from mambaseg.plugin.correction import correction_of
from mambaseg.plugin.keys import all_keys, key_text
from mambaseg.plugin.mask_keys import KEYS
from mambaseg.plugin.sessions import session_of
from mambaseg.types import LabelSet

pytestmark = pytest.mark.usefixtures("display")

N_FRAMES = 8
CLASSES = LabelSet.from_names({1: "nodule", 2: "vessel"})


@pytest.fixture(autouse=True)
def home(model_folder: Any) -> None:
    """A user's folder of its own."""


def opened(desk: Any, **place: Any) -> tuple[Any, Any]:
    """A mask with a square in every frame, as a file would hold it, and the Correct panel."""
    desk.add_clip(N_FRAMES, **place)
    data = np.zeros((N_FRAMES, 48, 60), np.uint8)
    data[:, 10:30, 10:30] = 1
    data[:, 35:45, 40:55] = 2
    mask = desk.viewer.add_labels(data, name="mask", metadata={"label_set": CLASSES}, **place)
    desk.viewer.layers.selection.active = mask
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    panel = desk.panel("Correct")
    desk.wait(lambda: panel.verify.isEnabled() and panel.history.note.text().startswith("Every"))
    show(desk, 0)
    return mask, panel


def show(desk: Any, frame: int) -> None:
    desk.viewer.dims.set_current_step(0, frame)


def press(desk: Any, key: str, *, shift: bool = False, ctrl: bool = False) -> None:
    """Press a key over the canvas."""
    modifiers = Qt.KeyboardModifier.NoModifier
    if shift:
        modifiers |= Qt.KeyboardModifier.ShiftModifier
    if ctrl:
        modifiers |= Qt.KeyboardModifier.ControlModifier
    canvas = desk.viewer.window._qt_viewer.canvas.native
    desk.qtbot.keyClick(canvas, getattr(Qt.Key, f"Key_{key}"), modifiers)


def draw(mask: Any, frame: int, box: tuple[slice, slice], value: int) -> None:
    """Fill a box with a value, as a stroke."""
    rows, columns = (one.ravel() for one in np.mgrid[box])
    mask.data_setitem((np.full(rows.size, frame), rows, columns), value)


def same(desk: Any, mask: Any, wanted: np.ndarray) -> None:
    desk.wait(lambda: np.array_equal(mask.data, wanted))


def test_no_key_but_v_takes_one_of_napari_from_a_mask(desk: Any) -> None:
    from app_model.types import KeyBinding
    from napari.components import ViewerModel
    from napari.layers import Labels

    theirs = {*Labels.class_keymap, *ViewerModel.class_keymap}
    assert KeyBinding.from_str("P") in theirs
    assert KeyBinding.from_str("Ctrl+G") in theirs
    ours = {name: KeyBinding.from_str(key_text(name)) for name in KEYS}
    assert [name for name, binding in ours.items() if binding in theirs] == ["correct.verify"]
    assert set(KEYS) == {key.name for key in all_keys() if key.name.startswith("correct.")}
    assert not theirs & {KeyBinding.from_str(f"Ctrl+{digit}") for digit in range(1, 10)}


def test_a_verifies_and_goes_on_c_copies_and_r_sets_back(desk: Any) -> None:
    mask, panel = opened(desk)
    at_first = np.array(mask.data)
    press(desk, "A")
    assert desk.viewer.dims.current_step[0] == 1
    desk.wait(lambda: panel.map.states[0] == "verified")
    draw(mask, 1, np.s_[20:40, 5:35], 1)
    drawn = np.array(mask.data)
    show(desk, 2)
    press(desk, "C")
    np.testing.assert_array_equal(mask.data[2], drawn[1])
    desk.wait(lambda: panel.map.states[1:3] == ["edited", "edited"])
    press(desk, "Z", ctrl=True)
    same(desk, mask, drawn)
    desk.wait(lambda: panel.map.states[2] == "unverified")
    show(desk, 1)
    press(desk, "R")
    same(desk, mask, at_first)
    desk.wait(lambda: panel.map.states[1] == "unverified")
    press(desk, "Z", ctrl=True)
    same(desk, mask, drawn)
    desk.wait(lambda: panel.map.states[1] == "edited")


def test_what_is_verified_is_neither_copied_over_nor_set_back(
    desk: Any, notices: list[str]
) -> None:
    mask, panel = opened(desk)
    draw(mask, 2, np.s_[20:40, 5:35], 1)
    show(desk, 2)
    press(desk, "V")
    desk.wait(lambda: panel.map.states[2] == "verified")
    kept = np.array(mask.data)
    for key in ("C", "R"):
        press(desk, key)
        assert "Frame 2 is verified" in notices.pop()
    np.testing.assert_array_equal(mask.data, kept)


def test_i_blends_shapes_between_corrected_frames_as_one_step(
    desk: Any, notices: list[str]
) -> None:
    mask, panel = opened(desk)
    press(desk, "R", shift=True)
    assert "No frames are marked" in notices[-1]
    press(desk, "I")
    assert "no open frame here between two" in notices[-1]
    draw(mask, 1, np.s_[10:30, 30:40], 1)
    draw(mask, 5, np.s_[10:30, 30:50], 1)
    before = np.array(mask.data)
    desk.wait(lambda: panel.map.states.count("edited") == 2)
    show(desk, 3)
    press(desk, "I")
    desk.wait(lambda: not np.array_equal(mask.data, before))
    widths = [int(np.sum(mask.data[frame, 20] == 1)) for frame in range(N_FRAMES)]
    assert widths[1:6] == sorted(widths[1:6])
    assert (widths[0], widths[1], widths[5], widths[6]) == (20, 30, 40, 20)
    assert abs(widths[3] - 35) <= 2
    desk.wait(lambda: panel.map.states[1:6] == ["edited", *["unverified"] * 3, "edited"])
    press(desk, "Z", ctrl=True)
    same(desk, mask, before)
    desk.wait(lambda: panel.map.states.count("edited") == 2)


def test_what_was_verified_is_carried_and_blended_whatever_the_mask_shows_now(desk: Any) -> None:
    mask, panel = opened(desk)
    for frame in (1, 5):
        draw(mask, frame, np.s_[10:30, 30:40], 1)
        show(desk, frame)
        press(desk, "V")
    desk.wait(lambda: panel.map.states.count("verified") == 2)
    for frame in (1, 5):
        draw(mask, frame, np.s_[0:48, 0:60], 0)
    desk.wait(lambda: panel.map.states.count("changed") == 2)
    before = np.array(mask.data)
    show(desk, 3)
    press(desk, "I")
    wanted = before.copy()
    wanted[2:5, 10:30, 30:40] = 1
    same(desk, mask, wanted)
    press(desk, "Z", ctrl=True)
    same(desk, mask, before)
    press(desk, "C", shift=True)
    open_ones = [0, 2, 3, 4, 6, 7]
    desk.wait(lambda: all((mask.data[n] == 1).sum() > 500 for n in open_ones))
    assert not mask.data[[1, 5]].any()


def test_carrying_says_that_it_waits_and_why_it_ends(desk: Any, notices: list[str]) -> None:
    mask, panel = opened(desk)
    draw(mask, 2, np.s_[10:30, 30:40], 1)
    desk.wait(lambda: panel.map.states[2] == "edited")
    editing, gate = session_of(desk.viewer).editing, threading.Event()
    editing.submit(lambda task: gate.wait(), lambda _: None, lambda _: None)
    press(desk, "C", shift=True)
    assert "This waits for other masks" in notices[-1]
    assert panel.carrying.carry.text() == "Stop"
    press(desk, "C", shift=True)
    assert panel.carrying.carry.text() == "Carry to open frames"
    press(desk, "C", shift=True)
    mask.data = np.zeros((N_FRAMES, 20, 20), np.uint8)
    gate.set()
    desk.wait(lambda: "The data of 'mask' were replaced, so no more" in notices[-1])
    gate.clear()
    editing.submit(lambda task: gate.wait(), lambda _: None, lambda _: None)
    desk.click(panel.carrying.carry)
    desk.viewer.layers.remove(mask)
    gate.set()
    assert "The layer 'mask' was removed, so no more" in notices[-1]


def test_a_run_of_frames_is_marked_verified_and_set_back(desk: Any) -> None:
    mask, panel = opened(desk)
    at_first = np.array(mask.data)
    for frame in (2, 3, 6):
        draw(mask, frame, np.s_[0:5, 0:5], 1)
    drawn = np.array(mask.data)
    first, last = (panel.map.cell_of(frame).center() for frame in (2, 4))
    desk.qtbot.mousePress(panel.map, Qt.MouseButton.LeftButton, pos=first)
    desk.qtbot.mouseMove(panel.map, last)
    desk.qtbot.mouseRelease(panel.map, Qt.MouseButton.LeftButton, pos=last)
    assert panel.retouch.marked.text() == "Frames 2-4:"
    desk.click(panel.retouch.reject_all)
    wanted = drawn.copy()
    wanted[2:4] = at_first[2:4]
    same(desk, mask, wanted)
    press(desk, "A", shift=True)
    verified = ["verified"] * 3
    desk.wait(lambda: panel.map.states[2:5] == verified)
    assert panel.map.states.count("verified") == 3
    desk.click(panel.retouch.unmark)
    assert not panel.retouch.run.isVisible()
    assert len(correction_of(desk.viewer, mask).marked) == 0


def tick(desk: Any, table: Any, row: int, column: int) -> None:
    """Click on the box in a cell of a table."""
    place = table.visualItemRect(table.item(row, column))
    at = place.center()
    at.setX(place.left() + 10)
    desk.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_classes_are_chosen_by_key_and_click_and_measured(desk: Any) -> None:
    mask, panel = opened(desk, scale=(1, 0.5, 0.2), units=("s", "mm", "mm"))
    assert [panel.classes.item(row, 1).text() for row in (0, 1)] == ["nodule", "vessel"]
    assert panel.classes.item(0, 2).text() == "40 mm²"
    press(desk, "2", ctrl=True)
    assert mask.selected_label == 2
    assert panel.classes.currentRow() == 1
    assert panel.cleaning.title.text() == "Clean up vessel in"
    place = panel.classes.visualItemRect(panel.classes.item(0, 1)).center()
    desk.qtbot.mouseClick(panel.classes.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert mask.selected_label == 1
    draw(mask, 0, np.s_[10:30, 30:35], 1)
    desk.wait(lambda: panel.classes.item(0, 2).text() == "50 mm²")


def test_one_class_is_cleaned_up_here_or_in_all_open_frames(desk: Any) -> None:
    mask, panel = opened(desk)
    draw(mask, 3, np.s_[2:4, 2:4], 1)
    draw(mask, 3, np.s_[20:22, 20:22], 0)
    drawn = np.array(mask.data)
    show(desk, 3)
    press(desk, "1", ctrl=True)
    assert mask.selected_label == 1
    desk.wait(lambda: panel.classes.item(0, 2).text() == "400 pixels")
    tools = panel.cleaning.tools
    desk.click(tools["Fill holes"])
    desk.click(tools["Keep largest"])
    wanted = drawn.copy()
    wanted[3, 2:4, 2:4], wanted[3, 20:22, 20:22] = 0, 1
    np.testing.assert_array_equal(mask.data, wanted)
    desk.click(tools["Grow"])
    assert np.sum(mask.data[3] == 1) == 22 * 22 - 4
    desk.wait(lambda: panel.map.states[3] == "edited")
    desk.qtbot.wait(50)
    for _ in range(3):
        press(desk, "Z", ctrl=True)
    same(desk, mask, drawn)

    panel.cleaning.where.setCurrentText("all open frames")
    desk.click(tools["Shrink"])
    wanted = drawn.copy()
    for frame in set(range(N_FRAMES)) - {3}:
        wanted[frame, 10:30, 10:30] = 0
        wanted[frame, 11:29, 11:29] = 1
    same(desk, mask, wanted)
    desk.wait(lambda: panel.map.states.count("unverified") == N_FRAMES - 1)
    press(desk, "Z", ctrl=True)
    same(desk, mask, drawn)


def test_nothing_but_undo_changes_a_locked_class(desk: Any, notices: list[str]) -> None:
    mask, panel = opened(desk)
    at_first = np.array(mask.data)
    tick(desk, panel.classes, 1, 3)
    draw(mask, 1, np.s_[40:48, 30:60], 1)  # over the vessel, which is locked
    desk.wait(lambda: np.array_equal(mask.data[1] == 2, at_first[1] == 2))
    mask.selected_label, mask.brush_size, mask.mode = 2, 8, "paint"
    canvas = desk.viewer.window._qt_viewer.canvas.native
    desk.qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    desk.qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    desk.wait(lambda: np.array_equal(mask.data == 2, at_first == 2))
    desk.click(panel.cleaning.tools["Grow"])
    assert "vessel is locked" in notices[-1]
    assert int(np.sum(mask.data[1] == 1)) > 400
    show(desk, 5)
    draw(mask, 5, np.s_[0:48, 50:60], 1)
    desk.wait(lambda: panel.map.states[5] == "edited")
    show(desk, 6)
    press(desk, "C")
    show(desk, 3)
    before = np.array(mask.data[3])
    press(desk, "I")
    desk.wait(lambda: not np.array_equal(mask.data[3], before))
    np.testing.assert_array_equal(mask.data == 2, at_first == 2)
    tick(desk, panel.classes, 1, 3)
    desk.click(panel.cleaning.tools["Grow"])
    assert not np.array_equal(mask.data == 2, at_first == 2)


def test_r_leads_back_to_what_the_model_predicted(desk: Any) -> None:
    mask = desk.segmented(6)
    desk.viewer.layers.selection.active = mask
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    panel = desk.panel("Correct")
    desk.wait(lambda: panel.verify.isEnabled())
    predicted = np.array(mask.data)
    assert predicted[2].any(), "else it could not be told from what the mask held at first"
    places = np.mgrid[0:48, 0:60].reshape(2, -1)
    for wrong in (np.zeros_like(predicted[2]), 1 - predicted[2]):
        mask.data_setitem((np.full(places.shape[1], 2), *places), wrong.ravel())
        desk.qtbot.wait(20)
    draw(mask, 4, np.s_[5:9, 5:9], 1)
    drawn = np.array(mask.data)
    show(desk, 2)
    press(desk, "R")
    drawn[2] = predicted[2]
    same(desk, mask, drawn)
