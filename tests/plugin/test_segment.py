"""The Segment panel in a real napari: menus, buttons, layers, and what goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import small_model
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox

from mambaseg.inference import Engine
from mambaseg.plugin.from_layers import image_of
from mambaseg.plugin.model_choice import ModelCombo
from mambaseg.session import ModelChoice
from mambaseg.zoo import read_model

pytest.importorskip("napari")
from napari.layers import Labels

pytestmark = pytest.mark.usefixtures("display")


def masks(desk: Any) -> list[Any]:
    return [layer for layer in desk.viewer.layers if isinstance(layer, Labels)]


def run_to_the_end(desk: Any, panel: Any) -> Any:
    before = set(masks(desk))
    desk.click(panel.run_button)
    desk.wait(lambda: panel.run_button.isEnabled())
    (new,) = set(masks(desk)) - before
    return new


def choose(desk: Any, panel: Any, answer: str) -> None:
    """Answer the question of a second run with a button."""
    desk.wait(lambda: panel.findChild(QMessageBox) is not None)
    box = panel.findChild(QMessageBox)
    (button,) = [one for one in box.buttons() if one.text().replace("&", "") == answer]
    desk.click(button)
    desk.wait(lambda: not box.isVisible())


def test_the_sample_is_segmented_from_the_menus(desk: Any) -> None:
    desk.menu("File", "Open Sample", "mambaseg", "Echocardiogram (30 frames)")
    (image,) = desk.viewer.layers
    panel = desk.segment()
    assert "320 x 240 pixels, 30 frames, 30 frames/s" in panel.about_layer.text()
    assert "scan backend" in panel.engine.text()
    arrived: dict[int, np.ndarray] = {}

    def note(done: int) -> None:
        if 0 < done < 30:
            assert panel.cancel_button.isEnabled()
            arrived[done] = np.asarray(masks(desk)[0].data).copy()

    panel.bar.valueChanged.connect(note)
    desk.click(panel.run_button)
    desk.wait(lambda: panel.run_button.isEnabled())
    (mask,) = masks(desk)
    final = np.asarray(mask.data)
    assert len(arrived) > 3, "frames arrive before the end"
    for done, labels in arrived.items():
        np.testing.assert_array_equal(labels[:done], final[:done])
        assert labels[:done].any(axis=(1, 2)).all()
        assert not labels[done:].any()
    model = next(m for m in panel.session.models if m.name == "colour")
    np.testing.assert_array_equal(final, Engine("cpu").segment(image_of(image), model).labels)
    assert "30 frames in" in panel.progress.text()
    assert "cpu" in panel.engine.text()


def test_the_mask_lies_where_the_image_lies(desk: Any) -> None:
    image = desk.add_clip(
        5,
        scale=(0.04, 0.5, 0.25),
        units=("s", "mm", "mm"),
        translate=(0.2, 3, 4),
        axis_labels=("t", "y", "x"),
    )
    mask = run_to_the_end(desk, desk.segment())
    for name in ("scale", "translate"):
        np.testing.assert_allclose(getattr(mask, name), getattr(image, name))
    assert mask.units == image.units
    assert mask.axis_labels == image.axis_labels
    np.testing.assert_allclose(mask.get_color(1), np.array([0xE6, 0x9F, 0x00, 255]) / 255)
    assert "nodule" in list(mask.features["class"])
    provenance = mask.metadata["provenance"]
    assert provenance["model"] == "colour"
    assert len(provenance["weights_sha256"]) == 64
    assert provenance["options"]["frames"] == [0, 5]


def test_only_the_chosen_frames_are_segmented(desk: Any) -> None:
    desk.add_clip(20)
    panel = desk.segment()
    desk.type(panel.frames.first.lineEdit(), "5")
    desk.type(panel.frames.last.lineEdit(), "11")
    mask = run_to_the_end(desk, panel)
    found = np.asarray(mask.data).any(axis=(1, 2))
    assert not found[:5].any()
    assert not found[12:].any()
    assert found[5:12].all()


def test_cancel_keeps_finished_frames_and_a_second_run_works(desk: Any, frames: Any) -> None:
    desk.add_clip(60)
    frames.allow(30)
    panel = desk.segment()
    desk.click(panel.run_button)
    desk.wait(lambda: panel.bar.value() >= 6)
    desk.click(panel.cancel_button)
    frames.allow()
    desk.wait(lambda: panel.run_button.isEnabled())
    (mask,) = masks(desk)
    finished = panel.bar.value()
    found = np.asarray(mask.data).any(axis=(1, 2))
    assert 6 <= finished < 60
    assert found[:finished].all()
    assert not found[finished:].any()
    assert f"{finished} of 60 frames are finished and kept" in panel.progress.text()

    desk.type(panel.frames.last.lineEdit(), "9")
    desk.click(panel.run_button)
    choose(desk, panel, "Add")
    desk.wait(lambda: panel.run_button.isEnabled())
    assert len(masks(desk)) == 2


def test_a_second_run_replaces_only_the_chosen_frames(desk: Any) -> None:
    desk.add_clip(10)
    panel = desk.segment()
    first = run_to_the_end(desk, panel)
    expected = np.asarray(first.data).copy()
    first.data[:] = 1
    desk.type(panel.frames.last.lineEdit(), "4")
    desk.click(panel.run_button)
    choose(desk, panel, "Replace")
    desk.wait(lambda: panel.run_button.isEnabled() and first not in desk.viewer.layers)
    (second,) = masks(desk)
    np.testing.assert_array_equal(second.data[5:], 1)
    assert not np.array_equal(second.data[:3], np.ones_like(second.data[:3]))
    np.testing.assert_array_equal(second.data[:3], expected[:3])


def test_a_question_that_is_cancelled_changes_nothing(desk: Any) -> None:
    desk.add_clip(5)
    panel = desk.segment()
    mask = run_to_the_end(desk, panel)
    desk.click(panel.run_button)
    choose(desk, panel, "Cancel")
    assert masks(desk) == [mask]
    assert panel.run_button.isEnabled()


def test_keys_run_and_cancel(desk: Any, frames: Any) -> None:
    desk.add_clip(60)
    frames.allow(30)
    panel = desk.segment()
    desk.activate(panel)
    desk.qtbot.keyClick(panel, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    desk.wait(lambda: panel.bar.value() >= 3)
    desk.activate(panel)
    desk.qtbot.keyClick(panel, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    frames.allow()
    desk.wait(lambda: panel.run_button.isEnabled())
    assert "Stopped" in panel.progress.text()


def test_without_a_layer_it_says_what_to_do(desk: Any, notices: list[str]) -> None:
    panel = desk.segment()
    desk.click(panel.run_button)
    assert any("no image layer: open one" in text for text in notices)
    assert not desk.viewer.layers


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((6, 32, 40), {"axis_labels": ("z", "y", "x")}, "is a single volume"),
        ((2, 6, 32, 40), {}, "is a time series of volumes"),
    ],
)
def test_a_layer_that_fits_no_model_says_why(
    desk: Any, notices: list[str], shape: tuple[int, ...], options: Any, words: str
) -> None:
    panel = desk.segment("grey")
    panel.session.models[:] = [m for m in panel.session.models if m.name == "grey"]
    layer = desk.viewer.add_image(np.zeros(shape, np.uint8), name="picture", **options)
    assert not panel.model.model().item(0).isEnabled()
    assert words in panel.model.model().item(0).toolTip()
    assert words in panel.about_model.text()
    desk.click(panel.run_button)
    assert any(words in text and "choose another model" in text for text in notices)
    assert list(desk.viewer.layers) == [layer]


def test_a_colour_picture_for_a_grey_model_says_what_is_done(desk: Any, notices: list[str]) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (32, 40, 3)).astype(np.uint8)
    desk.viewer.add_image(colours, name="picture", rgb=True)
    mask = run_to_the_end(desk, desk.segment("grey"))
    assert mask.data.shape == (32, 40)
    assert mask.data.any()
    assert any("picture is in colour and grey takes grey" in text for text in notices)


@pytest.mark.parametrize("which", ["image", "mask"])
def test_removing_a_layer_in_mid_run_stops_it(
    desk: Any, frames: Any, notices: list[str], which: str
) -> None:
    image = desk.add_clip(60)
    frames.allow(30)
    panel = desk.segment()
    desk.click(panel.run_button)
    desk.wait(lambda: panel.bar.value() >= 3)
    (mask,) = masks(desk)
    desk.viewer.layers.remove(image if which == "image" else mask)
    frames.allow()
    desk.wait(lambda: panel.run_button.isEnabled())
    assert panel.bar.value() < 60
    assert any("was removed, so the run was stopped" in text for text in notices)
    assert list(desk.viewer.layers) == ([mask] if which == "image" else [image])


@pytest.mark.slow
def test_drawing_in_mid_run_is_kept(desk: Any, frames: Any, notices: list[str]) -> None:
    desk.add_clip(60)
    frames.allow(30)
    panel = desk.segment()
    desk.click(panel.run_button)
    desk.wait(lambda: panel.bar.value() >= 3)
    (mask,) = masks(desk)
    mask.data_setitem((np.array([50]), np.array([20]), np.array([30])), np.array([1]))
    frames.allow()
    desk.wait(lambda: panel.run_button.isEnabled())
    drawn = np.zeros(mask.data.shape[1:], np.uint8)
    drawn[20, 30] = 1
    np.testing.assert_array_equal(mask.data[50], drawn)
    assert np.asarray(mask.data)[[49, 51]].sum() > 2
    assert mask.metadata["provenance"]["options"]["frames_kept_as_drawn"] == [50]
    assert any("drew on frame 50" in text and "stays" in text for text in notices)
    mask.undo()
    assert not mask.data[50].any()


def test_an_error_leaves_the_viewer_as_it_was(desk: Any, notices: list[str]) -> None:
    image = desk.add_clip(5)
    panel = desk.segment()
    chosen = panel.model.choice.model.path
    chosen.write_bytes(b"")
    desk.click(panel.run_button)
    desk.wait(lambda: panel.run_button.isEnabled())
    assert list(desk.viewer.layers) == [image]
    assert any("colour.safetensors" in text for text in notices)


def test_a_model_is_added_with_the_button(desk: Any, tmp_path: Any) -> None:
    model = small_model(tmp_path, "of my own", seed=1)
    desk.add_clip(4)
    panel = desk.segment()
    desk.click(panel.add_model)
    desk.wait(lambda: panel.findChild(QFileDialog) is not None)
    dialog = panel.findChild(QFileDialog)
    dialog.fileSelected.emit(str(model.path))
    dialog.reject()
    desk.wait(lambda: panel.model.currentText() == "of my own")
    assert run_to_the_end(desk, panel).metadata["provenance"]["model"] == "of my own"


def test_a_file_that_is_no_model_says_so(desk: Any, notices: list[str], tmp_path: Any) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"no model")
    panel = desk.segment()
    desk.click(panel.add_model)
    desk.wait(lambda: panel.findChild(QFileDialog) is not None)
    panel.findChild(QFileDialog).fileSelected.emit(str(bad))
    desk.wait(lambda: any("not a whole safetensors file" in text for text in notices))
    panel.findChild(QFileDialog).reject()


@pytest.mark.slow
def test_a_closed_panel_finds_its_run_again(desk: Any, frames: Any) -> None:
    desk.add_clip(60)
    frames.allow(20)
    panel = desk.segment()
    desk.click(panel.run_button)
    desk.wait(lambda: panel.bar.value() >= 3)
    desk.viewer.window.remove_dock_widget(panel)
    desk.menu("Layers", "Segment", "Segment (mambaseg)")
    again = desk.panel("Segment")
    assert again is not panel
    frames.allow(40)
    desk.wait(lambda: again.bar.value() > 20)
    desk.click(again.cancel_button)
    frames.allow()
    desk.wait(lambda: again.run_button.isEnabled())


def test_panels_fill_the_height(desk: Any) -> None:
    panel = desk.segment()
    desk.wait(lambda: panel.height() > 0.8 * desk.viewer.window.geometry()[3] * 0.9)


def test_the_best_model_is_chosen_until_somebody_picks_one(qtbot: Any, model_folder: Path) -> None:
    colour, grey = (
        ModelChoice(read_model(model_folder / f"{name}.safetensors")) for name in ("colour", "grey")
    )
    combo = ModelCombo()
    qtbot.addWidget(combo)
    combo.show_choices([colour, grey])
    combo.show_choices([grey, colour])  # as for another image
    assert combo.choice is grey
    combo.setCurrentText("colour")
    combo.show_choices([grey, colour])
    assert combo.choice is colour
    combo.show_choices([])  # as while it is not known what is to be learnt
    combo.show_choices([grey, colour])
    assert combo.choice is grey
    combo.choose(grey.model)
    combo.show_choices([colour, grey])
    assert combo.choice is grey


def test_what_is_said_of_a_run_goes_with_its_image(desk: Any) -> None:
    desk.segmented()
    panel = desk.panel("Segment")
    assert panel.progress.text().startswith("Done: 6 frames")
    other = desk.add_clip(3, name="other")
    panel.layer.choose(other)
    assert panel.progress.text() == ""
    assert not panel.bar.isVisible()
    assert panel.run_button.isVisible()
