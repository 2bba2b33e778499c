"""The Metrics panel in a real napari: the numbers, their order, and where a click leads."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from holding import Hold
from qtpy.QtCore import QPoint, Qt
from verified import disc_film

from mambaseg.data import write_segmentation
from mambaseg.metrics import evaluate
from mambaseg.plugin.layers import labels_layer
from mambaseg.plugin.show import add_layers
from mambaseg.types import Geometry, LabelSet, Segmentation

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


def click_plot(desk: Any, plot: Any, frame: int) -> None:
    """Click where a frame stands on the horizontal axis."""
    drawing = plot.drawing
    part = (frame - drawing.x_left) / (drawing.x_right - drawing.x_left)
    x = (drawing.left + part * (drawing.right - drawing.left)) * plot.width()
    desk.qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(round(x), 60))


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
    masks = panel.prediction.layer.name, panel.reference.layer.name
    told = "{}, with {} as reference. Mean over ".format(*masks)
    assert panel.note.text() == f"{told}{N_FRAMES} frames:"
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
    click_plot(desk, panel.plot, 4)
    assert desk.viewer.dims.current_step[0] == 4


def test_two_models_are_compared_by_one_reference(
    desk: Any, panel: Any, notices: list[str], tmp_path: Path
) -> None:
    panel.layers.second.setChecked(True)
    desk.click(panel.measure)
    desk.wait(lambda: any("no third mask to compare with" in text for text in notices))
    found, true = desk.viewer.layers["found"], desk.viewer.layers["true"]
    half = np.where(np.arange(N_FRAMES)[:, None, None] < 4, found.data, true.data)
    place = {"scale": found.scale, "units": found.units, "axis_labels": found.axis_labels}
    desk.viewer.add_labels(half, name="second", **place)
    panel.prediction.setCurrentText("found")
    panel.reference.setCurrentText("true")
    assert panel.layers.against.layer.name == "second"
    measured(desk, panel)
    desk.wait(lambda: "2nd: second" in panel.note.text())
    dice = np.array(by_hand(desk))
    second = np.where(np.arange(N_FRAMES) < 4, dice, 1.0)
    for value in (dice.mean(), second.mean(), dice.mean() - second.mean()):
        assert f"{value:.3f}" in panel.means.text()
    desk.wait(lambda: panel.plot.drawing is not None)
    first, other = panel.results.curves
    assert (first.name, first.dashed) == ("nodule, found", False)
    assert (other.name, other.dashed) == ("nodule, second", True)
    np.testing.assert_allclose(first.y, dice)
    np.testing.assert_allclose(other.y, second)

    seen = panel.plot.drawing
    desk.viewer.dims.set_current_step(0, 7)
    desk.wait(lambda: panel.plot.drawing is not seen)
    click_plot(desk, panel.plot, 2)
    assert desk.viewer.dims.current_step[0] == 2

    for name, kind in (("scores.csv", "Tables"), ("report.html", "Report")):
        desk.click(panel.save)
        desk.choose_file(tmp_path / name, kind)
    desk.wait(lambda: any("report.html" in text for text in notices))
    for name, expected in (("found", dice), ("second", second)):
        with (tmp_path / f"scores_{name}.csv").open(newline="") as file:
            lines = [line for line in csv.DictReader(file) if line["frame"]]
        values = [float(line["value"]) for line in lines if line["measure"] == "Dice"]
        np.testing.assert_allclose(values, expected)
    assert "found against second" in (tmp_path / "report.html").read_text(encoding="utf-8")


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


def test_a_clip_that_is_closed_meanwhile_is_measured_to_the_end(
    desk: Any, panel: Any, monkeypatch: pytest.MonkeyPatch, notices: list[str], tmp_path: Path
) -> None:
    dice = by_hand(desk)
    hold = Hold(evaluate)
    monkeypatch.setattr("mambaseg.session.measuring.evaluate", hold)
    desk.click(panel.measure)
    desk.wait(hold.reached.is_set)
    panel.difference.setChecked(True)
    desk.viewer.layers.clear()
    hold.release()
    desk.wait(lambda: f"Mean over {N_FRAMES} frames" in panel.note.text())
    assert panel.measure.isEnabled()
    assert f"{np.mean(dice):.3f}" in panel.means.text()
    assert not desk.viewer.layers
    desk.viewer.dims.set_current_step(0, 0)
    desk.click(panel.save)
    desk.choose_file(tmp_path / "scores.csv")
    desk.wait((tmp_path / "scores.csv").is_file)
    desk.click(panel.measure)
    desk.wait(lambda: any("Two masks of one clip are needed" in text for text in notices))


def test_measures_are_chosen_and_the_worst_come_first(desk: Any, panel: Any) -> None:
    panel.choice.measures.tick(["HD95", "NSD", "Temporal consistency"])
    panel.choice.tolerance.setValue(3)
    measured(desk, panel)
    assert "HD95 (px)" in panel.means.text()
    assert "NSD (at 3 px)" in panel.means.text()
    assert "Temporal consistency" in panel.means.text()
    panel.what.setCurrentText("HD95")
    panel.results.which.setCurrentText("Worst first")
    texts = panel.table.texts()
    values = [float(line[2]) for line in texts]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]
    desk.wait(lambda: panel.plot.drawing is not None)
    panel.choice.measures.tick([])
    desk.click(panel.measure)
    desk.wait(lambda: "Nothing is no measure" in panel.note.text())


def test_the_difference_is_a_layer_in_two_colours(desk: Any, panel: Any) -> None:
    measured(desk, panel)
    panel.difference.setChecked(True)
    layer = desk.viewer.layers["difference of found"]
    found, true = (np.asarray(desk.viewer.layers[name].data) for name in ("found", "true"))
    kinds = np.asarray(layer.data)
    assert kinds.shape == found.shape
    assert np.array_equal(kinds == 1, (found == 1) & (true != 1))
    assert np.array_equal(kinds == 2, (found != 1) & (true == 1))
    assert set(np.unique(kinds)) == {0, 1, 2}
    assert tuple(layer.get_color(1)) != tuple(layer.get_color(2))
    assert np.allclose(layer.scale, desk.viewer.layers["found"].scale)
    assert desk.viewer.layers.selection.active is not layer
    assert panel.prediction.layer.name == "found"
    panel.difference.setChecked(False)
    assert "difference of found" not in desk.viewer.layers


@pytest.mark.parametrize("active", ["true", "disc"])
def test_the_difference_changes_no_choice(desk: Any, panel: Any, active: str) -> None:
    desk.viewer.layers.selection.active = desk.viewer.layers[active]
    desk.menu("Layers", "Visualize", "Export (mambaseg)")
    export = desk.panel("Export")
    export.labels.setCurrentText("found")
    desk.raise_tab("Metrics")
    panel.prediction.setCurrentText("found")
    panel.reference.setCurrentText("true")
    measured(desk, panel)
    before = panel.means.text()
    panel.difference.setChecked(True)
    assert "difference of found" in desk.viewer.layers
    assert desk.viewer.layers.selection.active.name == active
    chosen = (panel.prediction, panel.reference, export.labels)
    assert [one.currentText() for one in chosen] == ["found", "true", "found"]
    names = [panel.prediction.itemText(index) for index in range(panel.prediction.count())]
    assert sorted(names) == ["found", "true"]
    measured(desk, panel)
    assert panel.means.text() == before
    desk.viewer.layers.selection.active = desk.viewer.layers["difference of found"]
    assert panel.prediction.currentText() == "found"


def test_slices_of_a_volume(desk: Any) -> None:
    labels = np.zeros((5, 12, 14), np.uint8)
    labels[1:4, 3:9, 3:10] = 1
    lesion = LabelSet.from_names({1: "lesion"})
    for name, shift in (("true", 0), ("found", 1)):
        mask = Segmentation(np.roll(labels, shift, 1), "ZYX", lesion, Geometry((2.0, 0.5, 0.5)))
        data, options, _ = labels_layer(mask)
        desk.viewer.add_labels(data, **options | {"name": name})
    desk.menu("Layers", "Measure", "Metrics (mambaseg)")
    panel = desk.panel("Metrics")
    panel.prediction.setCurrentText("found")
    panel.reference.setCurrentText("true")
    panel.choice.measures.tick(["Dice", "HD", "Volume error"])
    measured(desk, panel)
    assert "The whole volume, of 5 slices" in panel.note.text()
    assert "HD (mm)" in panel.means.text()
    assert "<b>0.50</b>" in panel.means.text()  # by one row of 0.5 mm
    assert "Volume error (ml)" in panel.means.text()
    assert len(panel.table.texts()) == 5


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Masks of four clips, and those of two models."""
    _, masks = disc_film(3)
    for i in range(4):
        for name, shift in (("true", 0), ("good", 1), ("poor", 3 + i)):
            labels = np.roll(np.asarray(masks.labels), shift, axis=1)
            mask = Segmentation(labels, "TYX", masks.label_set)
            write_segmentation(mask, tmp_path / name / f"clip{i}.nrrd")
    return tmp_path


def test_folders_are_compared_and_reported(
    desk: Any, folders: Path, notices: list[str], tmp_path: Path
) -> None:
    desk.menu("Layers", "Measure", "Metrics (mambaseg)")
    panel = desk.panel("Metrics")
    panel.source.setCurrentText("Files or folders")
    desk.click(panel.measure)
    desk.wait(lambda: any("Two folders are needed" in text for text in notices))
    desk.type(panel.folders.prediction.line, str(folders / "good"))
    desk.type(panel.folders.reference.line, str(folders / "true"))
    desk.click(panel.measure)
    desk.wait(lambda: panel.measure.isEnabled() and panel.measurement is not None)
    assert "Mean over 4 cases" in panel.note.text()
    panel.folders.names.setText("nodule")
    desk.click(panel.measure)
    desk.wait(lambda: "'nodule' does not name classes" in panel.note.text())
    panel.folders.names.setText("1=thyroid nodule")
    desk.click(panel.measure)
    desk.wait(lambda: panel.measure.isEnabled() and "thyroid nodule" in panel.means.text())
    assert {line[0] for line in panel.table.texts()} == {f"clip{i}" for i in range(4)}

    desk.type(panel.folders.against.line, str(folders / "poor"))
    desk.click(panel.measure)
    desk.wait(lambda: panel.measure.isEnabled() and "2nd: poor" in panel.note.text())
    assert "difference" in panel.means.text()
    for name, kind in (("scores.csv", "Tables"), ("report.html", "Report")):
        desk.click(panel.save)
        desk.choose_file(tmp_path / name, kind)
    desk.wait(lambda: any("report.html" in text for text in notices))
    with (tmp_path / "scores_poor.csv").open(newline="") as file:
        assert {line["case"] for line in csv.DictReader(file)} >= {"clip0", "clip3"}
    assert "good against poor" in (tmp_path / "report.html").read_text(encoding="utf-8")

    panel.results.case_clicked.emit("clip2")
    desk.wait(lambda: "clip2: true" in desk.viewer.layers)
    assert desk.viewer.layers["clip2: found"].data.shape == (3, 48, 60)


def test_the_report_of_two_layers(
    desk: Any, panel: Any, notices: list[str], tmp_path: Path
) -> None:
    measured(desk, panel)
    desk.click(panel.save)
    desk.choose_file(tmp_path / "report.html", "Report")
    desk.wait(lambda: any("Wrote" in text for text in notices))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "found, measured" in page
    assert f"frame {N_FRAMES - 1}: nodule" in page  # the worst of them
    assert page.count("data:image/png") == 9
