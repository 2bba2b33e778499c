"""Keys and buttons that change masks of whole frames, in a real napari."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from mambaseg.plugin.correction import correction_of
from mambaseg.plugin.mask_keys import KEYS
from mambaseg.types import LabelSet

pytestmark = pytest.mark.usefixtures("display")

N_FRAMES = 8
CLASSES = LabelSet.from_names({1: "nodule", 2: "vessel"})


@pytest.fixture(autouse=True)
def home(model_folder: Any) -> None:
    """A user's folder of its own."""


def opened(desk: Any) -> tuple[Any, Any]:
    """A mask with a square in every frame, as a file would hold it, and the Correct panel."""
    desk.add_clip(N_FRAMES)
    data = np.zeros((N_FRAMES, 48, 60), np.uint8)
    data[:, 10:30, 10:30] = 1
    data[:, 35:45, 40:55] = 2
    mask = desk.viewer.add_labels(data, name="mask", metadata={"label_set": CLASSES})
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
    desk.wait(lambda: np.array_equal(mask.data, wanted), 20)


def test_no_key_but_v_takes_one_of_napari_from_a_mask(desk: Any) -> None:
    from app_model.types import KeyBinding
    from napari.components import ViewerModel
    from napari.layers import Labels

    theirs = {*Labels.class_keymap, *ViewerModel.class_keymap}
    assert KeyBinding.from_str("P") in theirs
    assert KeyBinding.from_str("Ctrl+G") in theirs
    ours = {key: KeyBinding.from_str(key.replace("-", "+")) for key in KEYS}
    assert [key for key, binding in ours.items() if binding in theirs] == ["V"]


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
    press(desk, "I")
    assert "no open frame here between two" in notices[-1]
    draw(mask, 1, np.s_[10:30, 30:40], 1)
    draw(mask, 5, np.s_[10:30, 30:50], 1)
    before = np.array(mask.data)
    desk.wait(lambda: panel.map.states.count("edited") == 2)
    show(desk, 3)
    press(desk, "I")
    desk.wait(lambda: not np.array_equal(mask.data, before), 20)
    widths = [int(np.sum(mask.data[frame, 20] == 1)) for frame in range(N_FRAMES)]
    assert widths[1:6] == sorted(widths[1:6])
    assert (widths[0], widths[1], widths[5], widths[6]) == (20, 30, 40, 20)
    assert abs(widths[3] - 35) <= 2
    desk.wait(lambda: panel.map.states[1:6] == ["edited", *["unverified"] * 3, "edited"])
    press(desk, "Z", ctrl=True)
    same(desk, mask, before)
    desk.wait(lambda: panel.map.states.count("edited") == 2)


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


def test_r_leads_back_to_what_the_model_predicted(desk: Any) -> None:
    mask = desk.segmented(6)
    desk.viewer.layers.selection.active = mask
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    panel = desk.panel("Correct")
    desk.wait(lambda: panel.verify.isEnabled())
    predicted = np.array(mask.data)
    for value in (0, 1):
        draw(mask, 2, np.s_[0:48, 0:60], value)
        desk.qtbot.wait(20)
    draw(mask, 4, np.s_[5:9, 5:9], 1)
    drawn = np.array(mask.data)
    show(desk, 2)
    press(desk, "R")
    drawn[2] = predicted[2]
    same(desk, mask, drawn)
