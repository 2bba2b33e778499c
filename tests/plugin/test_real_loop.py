"""The whole loop on a real clip, by clicks.

The budget is wide, for machines that have other work meanwhile; what less than five minutes
bring, `benchmarks/fine_tune.py` measures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

pytestmark = [pytest.mark.usefixtures("display"), pytest.mark.slow]

PARENT = "vivim-nerve-vessel"
CLASS = 1
MINUTES = 8.0
VERIFIED = (3, 24, 45, 66, 87)  # evenly spaced over the 91 frames


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """By its definition, apart from our own measures."""
    return float(2 * np.sum(a & b) / (np.sum(a) + np.sum(b)))


def segment(desk: Any, panel: Any, model: str) -> Any:
    desk.raise_tab("Segment")
    panel.layer.setCurrentText("0002")
    desk.wait(lambda: panel.model.findText(model) >= 0)
    panel.model.setCurrentText(model)
    assert panel.model.currentText() == model
    before = list(desk.viewer.layers)
    desk.click(panel.run_button)
    for box in panel.findChildren(QMessageBox):
        if box.isVisible():
            desk.click(next(one for one in box.buttons() if "Add" in one.text()))
    desk.wait(lambda: panel.run_button.isEnabled(), 900)
    (new,) = [layer for layer in desk.viewer.layers if layer not in before]
    return new


def paint(mask: Any, frame: int, true: np.ndarray) -> None:
    """Draw the true mask with the layer's own tools, as one stroke."""
    with mask.block_history():
        for value, where in ((0, ~true), (CLASS, true)):
            rows, columns = np.nonzero(where)
            mask.data_setitem((np.full(rows.size, frame), rows, columns), value)


def test_five_corrected_frames_teach_the_model(desk: Any, shared: Path) -> None:
    folder = shared / "data" / "vivim_vtus"
    masks = sorted((folder / "Train_GT" / "0002").glob("*.png"))
    true = np.stack([np.asarray(Image.open(path).convert("L")) > 127 for path in masks])
    unseen = [frame for frame in range(len(true)) if frame not in VERIFIED]

    desk.viewer.open(folder / "Train" / "0002", plugin="mambaseg")
    panel = desk.segment(PARENT)
    desk.wait(lambda: panel.model.currentText() == PARENT)
    mask = segment(desk, panel, PARENT)

    desk.viewer.layers.selection.active = mask
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    correct = desk.panel("Correct")
    desk.wait(lambda: correct.verify.isEnabled())
    canvas = desk.viewer.window._qt_viewer.canvas.native
    for frame in VERIFIED:
        desk.viewer.dims.set_current_step(0, frame)
        desk.wait(lambda frame=frame: f"frame {frame}" in correct.verify.text())
        paint(mask, frame, true[frame])
        desk.qtbot.keyClick(canvas, Qt.Key.Key_V)
        desk.wait(lambda frame=frame: correct.map.states[frame] == "verified")

    desk.menu("Layers", "Segment", "Fine-tune (mambaseg)")
    tune = desk.panel("Fine-tune")
    desk.wait(lambda: "train" in tune.setup.about_frames.text())
    tune.setup.model.setCurrentText(PARENT)
    tune.setup.budget.amount.setValue(MINUTES)
    desk.wait(lambda: tune.setup.problem == "")
    assert "4 train, 1 held out" in tune.setup.about_frames.text()
    desk.click(tune.start)
    desk.wait(lambda: tune.tuning is not None and tune.tuning.state == "running", 300)
    desk.wait(lambda: tune.tuning.state == "finished", 60 * MINUTES + 300)
    desk.type(tune.view.decision.name, "tuned")
    desk.click(tune.view.decision.keep)
    desk.wait(lambda: tune.tuning is None)
    found = segment(desk, panel, "tuned")

    reference = desk.viewer.add_labels(CLASS * true.astype(np.uint8), name="reference")
    for name in ("scale", "translate", "units", "axis_labels"):
        setattr(reference, name, getattr(found, name))
    desk.menu("Layers", "Measure", "Metrics (mambaseg)")
    metrics = desk.panel("Metrics")
    metrics.prediction.setCurrentText(found.name)
    metrics.reference.setCurrentText("reference")
    metrics.leave_out.setChecked(True)
    desk.click(metrics.measure)
    desk.wait(lambda: metrics.measurement is not None)

    ours = np.mean([dice(np.asarray(found.data[f]) == CLASS, true[f]) for f in unseen])
    nearest = {f: min(VERIFIED, key=lambda verified: abs(verified - f)) for f in unseen}
    copied = np.mean([dice(true[nearest[f]], true[f]) for f in unseen])
    shown = metrics.measurement.means()[0].values["Dice"]
    assert shown == pytest.approx(ours, abs=1e-9)
    assert f"{ours:.3f}" in metrics.means.text()
    assert ours > copied
