"""What the Fine-tune panel shows of a run that has ended, and what can be decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finished_run import finished_run
from models import model_of
from qtpy.QtGui import QImage
from tuning_desk import finetune, verify_by_clicks
from verified import nodule_model

from mambaseg.session import open_runs
from mambaseg.training.events import Failed, append_event
from mambaseg.zoo import default_models, list_models, make_default

pytestmark = pytest.mark.usefixtures("display")


def finished(desk: Any) -> Any:
    finished_run()
    panel = finetune(desk)
    desk.wait(lambda: panel.tuning is not None and panel.tuning.state == "finished")
    return panel


def pixels(widget: Any) -> np.ndarray:
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = image.constBits()
    rows = rows.asstring(image.sizeInBytes()) if hasattr(rows, "asstring") else bytes(rows)
    flat = np.frombuffer(rows, np.uint8).reshape(image.height(), image.bytesPerLine())
    return flat[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def test_scores_have_intervals_and_say_of_what(desk: Any) -> None:
    panel = finished(desk)
    text = panel.view.result.text()
    for part in ("0.500", "0.41 to 0.58", "0.900", "0.87 to 0.93", "+0.400", "+0.300 to +0.500"):
        assert part in text
    assert "Mean Dice on 3 held-out frames, with 95 % intervals; of one recording" in text
    desk.wait(lambda: panel.view.plot.drawing is not None)
    assert not panel.view.pause.isVisible()


def test_the_slider_wipes_from_the_old_mask_to_the_new_one(desk: Any) -> None:
    panel = finished(desk)
    wiper = panel.view.wiper
    desk.wait(wiper.isVisible)
    wiper.slider.setValue(wiper.slider.minimum())
    new = pixels(wiper.canvas)
    wiper.slider.setValue(wiper.slider.maximum())
    old = pixels(wiper.canvas)
    apart = np.abs(old - new).max(axis=2) > 30
    assert apart.mean() > 0.02, "the masks differ"
    wiper.slider.setValue(wiper.slider.maximum() // 2)
    both, middle = pixels(wiper.canvas), wiper.canvas.width() // 2
    assert (both[:, : middle - 2] == old[:, : middle - 2]).all()
    assert (both[:, middle + 2 :] == new[:, middle + 2 :]).all()


def test_a_frame_is_chosen_by_its_thumbnail(desk: Any) -> None:
    panel = finished(desk)
    small, wiper = panel.view.thumbnails, panel.view.wiper
    desk.wait(lambda: not small.pictures[1][0].icon().isNull())
    assert [one.text() for one in small.captions if one.isVisible()] == [
        "20: 0.90",
        "24: 0.90",
        "28: 0.90",
    ]
    assert [one.text() for one in small.titles] == ["before", "after"]
    desk.wait(wiper.isVisible)
    first = pixels(wiper.canvas)
    desk.click(small.pictures[0][2])
    desk.wait(lambda: (pixels(wiper.canvas) != first).any())
    assert small.pictures[1][2].isChecked()
    assert not small.pictures[1][0].isChecked()


@pytest.mark.parametrize("beside", [False, True])
def test_keep_makes_it_the_default_and_keep_as_another_does_not(
    desk: Any, model_folder: Path, notices: list[str], beside: bool
) -> None:
    make_default(nodule_model(model_folder))
    panel = finished(desk)
    desk.type(panel.view.decision.name, "better")
    desk.click(panel.view.decision.keep_beside if beside else panel.view.decision.keep)
    desk.wait(lambda: panel.tuning is None and panel.start.isVisible())
    assert "better" in [model.name for model in list_models()]
    assert default_models()[0].name == ("parent" if beside else "better")
    said = "better; the default stays as it was" if beside else "better is the default now"
    assert any(said in text for text in notices)
    assert open_runs() == []
    assert not panel.again.isVisible(), "there is no mask to segment"


def kept(desk: Any) -> Any:
    panel = finished(desk)
    desk.type(panel.view.decision.name, "better")
    desk.click(panel.view.decision.keep)
    desk.wait(panel.again.isVisible)
    return panel


@pytest.mark.slow
def test_what_nobody_verified_is_segmented_again_at_one_press(desk: Any) -> None:
    mask = verify_by_clicks(desk, [2, 8])
    before = np.array(mask.data)
    panel = kept(desk)
    assert panel.again.press.text() == "Segment the 28 open frames again"
    desk.click(panel.again.press)
    desk.wait(lambda: "Done: 28 frames" in panel.again.said.text())
    new = desk.viewer.layers[-1]
    assert mask not in desk.viewer.layers
    assert new.metadata["provenance"]["model"] == "better"
    same = [frame for frame in range(30) if np.array_equal(new.data[frame], before[frame])]
    assert same == [2, 8]
    assert not panel.again.press.isVisible()


def test_a_mask_that_was_closed_meanwhile_is_told(desk: Any, notices: list[str]) -> None:
    mask = verify_by_clicks(desk, [2, 8])
    panel = kept(desk)
    desk.viewer.layers.remove(mask)
    desk.click(panel.again.press)
    assert any("not open any more: open it again" in text for text in notices)
    assert not panel.again.isVisible()


def test_a_run_that_failed_is_told_by_a_notification_once(desk: Any, notices: list[str]) -> None:
    run = finished_run()
    run.events_file.unlink()
    append_event(run.events_file, Failed(message="The disk is full: make room."))
    panel = finetune(desk)
    desk.wait(lambda: panel.tuning is not None and panel.tuning.state == "failed")
    assert panel.view.status.text() == "The disk is full: make room."
    panel.tuning.changed.emit()
    assert notices.count("The disk is full: make room.") == 1
    assert desk.copied_diagnostics().startswith("The disk is full: make room.")
    assert panel.view.go_on.isVisible()


def test_damaged_views_show_nothing_and_hinder_nothing(desk: Any) -> None:
    run = finished_run()
    run.views_file.write_bytes(b"PK")
    panel = finetune(desk)
    desk.wait(lambda: panel.tuning is not None and panel.tuning.state == "finished")
    assert not panel.view.thumbnails.isVisible()
    assert panel.view.decision.keep.isVisible()


def test_replay_is_greyed_with_the_reason_for_volumes(qtbot: Any, tmp_path: Path) -> None:
    from models import VOLUMES

    from mambaseg.plugin.tuning_advanced import TuningAdvanced

    advanced = TuningAdvanced()
    qtbot.addWidget(advanced)
    advanced.show()
    assert not advanced.replay.isVisible()
    advanced.fold.button.click()
    assert advanced.replay.isVisible()
    advanced.replay.setValue(25)
    advanced.show_model(nodule_model(tmp_path))
    assert advanced.replayed == 0.25
    advanced.show_model(model_of(tmp_path, "volumes", VOLUMES))
    assert not advanced.replay.isEnabled()
    assert advanced.replayed == 0
    assert "No replay: only what a model for pictures or clips" in advanced.about_replay.text()
