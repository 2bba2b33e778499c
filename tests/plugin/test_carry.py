"""Carrying masks with a model's help, in a real napari."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S
from scripted_copy import ScriptedCopy

from mambaseg.session import adapting

pytestmark = pytest.mark.usefixtures("display")


def draw(mask: Any, frame: int, width: int) -> None:
    """Draw a rectangle at the left as the only object, as one stroke."""
    with mask.block_history():
        for value, columns in ((0, mask.data.shape[2]), (1, width)):
            rows, columns = np.mgrid[: mask.data.shape[1], :columns].reshape(2, -1)
            mask.data_setitem((np.full(rows.size, frame), rows, columns), value)


def drawn(desk: Any) -> tuple[Any, Any, np.ndarray]:
    """A mask of nine frames, three of which were drawn; the Correct panel; and what it holds."""
    mask = desk.segmented(9)
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    panel = desk.panel("Correct")
    desk.wait(lambda: panel.verify.isEnabled())
    for frame, width in ((1, 35), (4, 50), (7, 35)):
        draw(mask, frame, width)
    desk.wait(lambda: [panel.map.states[n] for n in (1, 4, 7)] == ["edited"] * 3)
    return mask, panel, np.array(mask.data)


class Copy(ScriptedCopy):
    """Knows the frames that were drawn, and takes the whole of all others for the class."""

    def answer(self, frame: int) -> np.ndarray:
        return self.masks.get(frame, np.ones(self.of.image.array.shape[2:], np.uint8))


def test_the_model_learns_what_is_carried_if_that_is_wanted(
    desk: Any, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapting, "ModelCopy", Copy)
    mask, panel, true = drawn(desk)
    open_ = [0, 2, 3, 5, 6, 8]
    desk.click(panel.carrying.adapt)
    desk.click(panel.carrying.carry)
    assert not panel.carrying.adapt.isEnabled()
    assert panel.carrying.text.isVisible()
    desk.wait(lambda: panel.carrying.carry.text() == "Carry to open frames")
    assert notices[-1].startswith("A copy of colour helps (Dice")
    assert not panel.carrying.text.isVisible()
    helped = np.array(mask.data)
    np.testing.assert_array_equal(helped[[1, 4, 7]], true[[1, 4, 7]])
    desk.wait(lambda: [one.by for one in panel.history.timeline.moments][:1] == ["colour"])
    panel._correction.recorder.undo()
    desk.wait(lambda: not np.array_equal(mask.data, helped))
    alone = np.array(mask.data)
    assert all((alone[n] > 0).sum() < (helped[n] > 0).sum() for n in open_)
    panel._correction.recorder.undo()
    desk.wait(lambda: np.array_equal(mask.data, true))


def test_what_was_undone_meanwhile_is_not_put_back(
    desk: Any, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    class Waiting(Copy):
        def learn(self, held_out: Any, budget: Any, told: Any) -> None:
            told(0.5)
            gate.wait(PATIENCE_S)

    monkeypatch.setattr(adapting, "ModelCopy", Waiting)
    mask, panel, true = drawn(desk)
    desk.click(panel.carrying.adapt)
    desk.click(panel.carrying.carry)
    desk.wait(lambda: panel.carrying.text.text() == "A copy of colour learns…")
    panel._correction.recorder.undo()
    desk.wait(lambda: np.array_equal(mask.data, true))
    gate.set()
    desk.wait(lambda: panel.carrying.carry.text() == "Carry to open frames")
    assert "A copy of colour helps" in notices[-1]
    np.testing.assert_array_equal(mask.data, true)


def test_why_no_model_learns_is_said(desk: Any, notices: list[str]) -> None:
    mask, panel, _ = drawn(desk)
    before = np.array(mask.data)
    desk.click(panel.carrying.adapt)
    session = panel.session
    models, session.models = session.models, None
    desk.click(panel.carrying.carry)
    assert "Models are still being read" in notices[-1]
    assert panel.carrying.carry.text() == "Carry to open frames"
    session.models = models
    mask.metadata["provenance"]["weights_sha256"] = "0" * 64
    desk.click(panel.carrying.carry)
    assert "no copy of it can learn" in notices[-1]
    desk.wait(lambda: panel.carrying.carry.text() == "Carry to open frames")
    assert not np.array_equal(mask.data, before)
    desk.click(panel.carrying.adapt)
    for frame in range(len(before)):
        draw(mask, frame, 20)
    desk.wait(lambda: panel.map.states == ["edited"] * len(before))
    desk.click(panel.carrying.carry)
    assert "No frame is open" in notices[-1]
