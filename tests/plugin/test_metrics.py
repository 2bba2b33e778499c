"""The Metrics panel in a real napari: the numbers, their order, and where a click leads."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from verified import disc_film

from mambaseg.plugin.show import add_layers
from mambaseg.types import LabelSet, Segmentation

pytestmark = pytest.mark.usefixtures("display")

N_FRAMES = 12


@pytest.fixture
def panel(desk: Any) -> Any:
    """The panel, with a mask that is shifted more and more, and the reference."""
    film, masks = disc_film(N_FRAMES)
    shifted = np.stack([np.roll(mask, t, axis=0) for t, mask in enumerate(masks.labels)])
    add_layers(desk.viewer, film, Segmentation(masks.labels, "TYX", masks.label_set, film.geometry))
    desk.viewer.layers[-1].name = "true"
    classes = LabelSet.from_names({1: "nodule"})
    add_layers(desk.viewer, film, Segmentation(shifted, "TYX", classes, film.geometry))
    desk.viewer.layers[-1].name = "found"
    desk.menu("Layers", "Measure", "Metrics (mambaseg)")
    panel = desk.panel("Metrics")
    panel.prediction.setCurrentText("found")
    panel.reference.setCurrentText("true")
    return panel


def by_hand(desk: Any) -> list[float]:
    """Dice per frame, from pixels alone."""
    found, true = (np.asarray(desk.viewer.layers[name].data) for name in ("found", "true"))
    return [
        2 * np.sum((f == 1) & (t == 1)) / (np.sum(f == 1) + np.sum(t == 1))
        for f, t in zip(found, true, strict=True)
    ]


def measured(desk: Any, panel: Any) -> None:
    desk.click(panel.measure)
    desk.wait(lambda: panel.measure.isEnabled() and panel.measurement is not None)


def test_the_table_shows_what_pixels_say(
    desk: Any, panel: Any, notices: list[str], tmp_path: Path
) -> None:
    measured(desk, panel)
    dice = by_hand(desk)
    texts = panel.table.texts()
    assert [line[:3] for line in texts] == [
        [str(frame), "nodule", f"{value:.3f}"] for frame, value in enumerate(dice)
    ]
    assert f"{np.mean(dice):.3f}" in panel.means.text()
    assert f"Mean over {N_FRAMES} frames" in panel.note.text()
    desk.wait(lambda: panel.plot.drawing is not None)

    desk.click(panel.save)
    desk.choose_file(tmp_path / "scores.csv")
    desk.wait(lambda: f"Wrote {tmp_path / 'scores.csv'}" in notices)
    with (tmp_path / "scores.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4 * (N_FRAMES + 1)
    found = [float(line["value"]) for line in lines if line["measure"] == "Dice" and line["frame"]]
    np.testing.assert_allclose(found, dice)


def test_columns_sort_and_rows_and_the_curve_lead_to_frames(desk: Any, panel: Any) -> None:
    measured(desk, panel)
    dice = by_hand(desk)
    header = panel.table.horizontalHeader()
    place = QPoint(header.sectionPosition(2) + 8, header.height() // 2)
    desk.qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    values = [float(line[2]) for line in panel.table.texts()]
    assert values in (sorted(values), sorted(values, reverse=True))
    assert values[0] != values[-1]
    model = panel.table.model()
    worst = next(row for row in range(N_FRAMES) if values[row] == min(values))
    cell = panel.table.visualRect(model.index(worst, 3)).center()
    panel.table.scrollTo(model.index(worst, 3))
    cell = panel.table.visualRect(model.index(worst, 3)).center()
    desk.qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    assert desk.viewer.dims.current_step[0] == int(panel.table.texts()[worst][0])
    assert dice[desk.viewer.dims.current_step[0]] == pytest.approx(min(dice), abs=1e-3)

    desk.wait(lambda: panel.plot.drawing is not None)
    drawing = panel.plot.drawing
    part = (4 - drawing.x_left) / (drawing.x_right - drawing.x_left)
    x = (drawing.left + part * (drawing.right - drawing.left)) * panel.plot.width()
    desk.qtbot.mouseClick(panel.plot, Qt.MouseButton.LeftButton, pos=QPoint(round(x), 60))
    assert desk.viewer.dims.current_step[0] == 4


def test_verified_frames_are_left_out(desk: Any, panel: Any) -> None:
    desk.viewer.layers.selection.active = desk.viewer.layers["true"]
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    correct = desk.panel("Correct")
    desk.wait(lambda: correct.verify.isEnabled())
    desk.viewer.dims.set_current_step(0, 3)
    desk.wait(lambda: "frame 3" in correct.verify.text())
    desk.click(correct.verify)
    desk.wait(lambda: correct.map.states[3] == "verified")
    desk.raise_tab("Metrics")
    panel.prediction.setCurrentText("found")
    panel.reference.setCurrentText("true")
    panel.leave_out.setChecked(True)
    measured(desk, panel)
    dice = by_hand(desk)
    del dice[3]
    assert f"Mean over {N_FRAMES - 1} frames" in panel.note.text()
    assert f"{np.mean(dice):.3f}" in panel.means.text()
    assert "3" not in [line[0] for line in panel.table.texts()]


def test_masks_that_cannot_be_compared_say_why(desk: Any, notices: list[str]) -> None:
    desk.menu("Layers", "Measure", "Metrics (mambaseg)")
    panel = desk.panel("Metrics")
    desk.click(panel.measure)
    assert any("Two masks of one clip are needed" in text for text in notices)
    for shape in ((4, 8, 8), (5, 8, 8)):
        desk.viewer.add_labels(np.ones(shape, np.uint8), name=f"{shape[0]} frames")
    panel.reference.setCurrentText("4 frames")
    panel.prediction.setCurrentText("5 frames")
    desk.click(panel.measure)
    desk.wait(lambda: any("choose two masks of one clip" in text for text in notices))
    assert not panel.save.isEnabled()
