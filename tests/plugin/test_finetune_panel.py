"""The Fine-tune panel in a real napari, with a real training in a process of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import layouts
import numpy as np
import pytest
from models import small_model
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMessageBox
from tuning_desk import (
    finetune,
    keep_as,
    new_training,
    set_up,
    started,
    verify,
    verify_by_clicks,
    verify_more,
)
from verified import disc_film

from mambaseg.corrections import find_store
from mambaseg.plugin.show import add_layers
from mambaseg.session import open_runs, runs_folder
from mambaseg.training import Run
from mambaseg.types import Segmentation
from mambaseg.zoo import default_models, list_models, load_network, make_default, user_models_folder

pytestmark = pytest.mark.usefixtures("display", "no_training_is_left")


def answer(desk: Any, panel: Any, text: str) -> None:
    desk.wait(lambda: panel.findChild(QMessageBox) is not None)
    box = panel.findChild(QMessageBox)
    desk.click(next(one for one in box.buttons() if one.text().replace("&", "") == text))


def load_path(run: Run) -> Any:
    from mambaseg.zoo import read_model

    return read_model(run.model_file)


@pytest.mark.slow
def test_the_loop_by_buttons(desk: Any, learner: Path, notices: list[str]) -> None:
    mask = verify_by_clicks(desk, [2, 9, 16, 23, 28])

    panel = set_up(desk)
    assert panel.setup.data.currentText() == "nodule: 5 frames in 1 clip"
    assert "4 train, 1 held out" in panel.setup.about_frames.text()
    desk.click(panel.start)
    desk.wait(lambda: panel.tuning is not None)
    desk.wait(panel.view.stop.isVisible)
    assert panel.view.stop.isVisible()
    assert not panel.start.isVisible()
    desk.wait(lambda: bool(panel.tuning.losses))
    assert "4 frames train, 1 held out" in panel.view.about.text()
    desk.wait(lambda: panel.view.plot.drawing is not None)
    desk.wait(lambda: panel.tuning.state == "finished")
    text, before = panel.view.result.text(), panel.tuning.before["nodule"]
    after = panel.tuning.finished.after["nodule"]
    assert f"<b>{before:.3f}</b>" in text
    assert f"<b>{after:.3f}</b>" in text
    assert f"<b>{after - before:+.3f}</b>" in text
    assert after >= before
    assert panel.view.thumbnails.isVisible()
    desk.wait(panel.view.wiper.isVisible)

    improved = panel.tuning.dices[-1][1]["nodule"] > before
    desk.type(panel.view.decision.name, "better")
    desk.click(panel.view.decision.keep)
    desk.wait(lambda: panel.tuning is None)
    kept = user_models_folder() / "better.safetensors"
    assert kept.is_file()
    assert open_runs() == []
    assert "better" in [model.name for model in list_models()]
    assert [model.name for model in default_models()] == (["better"] if improved else [])
    verdict = "better is the default now" if improved else "better is not made the default"
    assert any(verdict in text for text in notices)
    segment = desk.segment("better")
    assert segment.model.currentText() == "better"
    desk.click(segment.run_button)
    answer(desk, segment, "Replace")
    desk.wait(lambda: segment.run_button.isEnabled())
    again = desk.viewer.layers[-1]
    assert again is not mask
    _, masks = disc_film()
    for frame in (2, 9, 16, 23, 28):
        assert (again.data[frame] == masks.labels[frame]).all()
    assert again.metadata["provenance"]["model"] == "better"


def test_the_default_is_offered_first_and_given_back_at_a_click(
    desk: Any, model_folder: Path, notices: list[str]
) -> None:
    first, second = (small_model(model_folder, name, seed) for seed, name in enumerate("pq", 7))
    for model in (first, second):
        make_default(model)
    panel = finetune(desk)
    desk.wait(panel.default.isVisible)
    assert panel.default.about.text() == "Default model: q"
    assert [model.name for model in panel.session.models[:2]] == ["q", "p"]
    desk.click(panel.default.back)
    desk.wait(lambda: panel.default.about.text() == "Default model: p")
    assert any("q is no longer the default, p is again" in text for text in notices)
    desk.wait(lambda: panel.session.models[0].name == "p")
    desk.click(panel.default.back)
    desk.wait(lambda: not panel.default.isVisible())
    assert {"p", "q"} <= {model.name for model in list_models()}


def test_frames_that_are_verified_meanwhile_are_listed_and_ticks_stay(
    desk: Any, learner: Path
) -> None:
    verify_by_clicks(desk, [2, 9])
    panel = set_up(desk)
    dock = next(
        one
        for one in desk.viewer.window._qt_window.findChildren(QDockWidget)
        if one.isAncestorOf(panel)
    )
    dock.setFloating(True)
    desk.wait(desk.panel("Correct").isVisible)
    assert panel.isVisible()
    (case,) = panel.setup.chosen.verified
    panel.setup.frames.item(case, 2).setCheckState(0, Qt.CheckState.Checked)
    ticked = panel.setup.frames.held_out
    verify_more(desk, [16])
    desk.wait(lambda: panel.setup.data.currentText() == "nodule: 3 frames in 1 clip")
    assert panel.setup.frames.held_out == ticked
    assert panel.setup.frames.item(case, 16).text(1) == "trains"


@pytest.mark.slow
def test_paused_stopped_early_and_discarded_with_the_clip_closed_meanwhile(
    desk: Any, learner: Path
) -> None:
    verify([2, 10, 18, 26])
    film, masks = disc_film()
    add_layers(desk.viewer, film, masks)
    panel = started(desk, 10)
    run = panel.tuning.run
    desk.click(panel.view.pause)
    desk.wait(lambda: run.pause_requested and panel.view.pause.text() == "Continue")
    assert "Paused" in panel.view.status.text()
    desk.viewer.layers.clear()  # the clip is closed; the run has a copy of its own

    def rests() -> bool:
        """Whether no news come for as long as else brings some: a step may be under way yet."""
        steps = len(panel.tuning.losses)
        desk.qtbot.wait(3000)
        return len(panel.tuning.losses) == steps

    desk.wait(rests)
    steps = len(panel.tuning.losses)
    desk.wait(lambda: panel.view.pause.text() == "Continue")
    desk.click(panel.view.pause)
    desk.wait(lambda: not run.pause_requested)
    desk.wait(lambda: len(panel.tuning.losses) > steps)
    desk.click(panel.view.stop)
    desk.wait(lambda: panel.tuning.state == "finished")
    assert "Stopped after" in panel.view.result.text()
    desk.click(panel.view.decision.discard)
    desk.wait(lambda: panel.tuning is None and panel.start.isVisible())
    assert not any(runs_folder().iterdir())
    assert list(user_models_folder().glob("*tuned*")) == []


@pytest.mark.slow
def test_a_killed_training_says_so_and_goes_on(desk: Any, learner: Path) -> None:
    verify([2, 10, 18, 26])
    panel = started(desk, 60)  # more than it takes to be killed and go on
    first = panel.tuning.started
    os.kill(first.pid, signal.SIGKILL)
    desk.wait(lambda: panel.tuning.state == "cut off")
    assert "cut off" in panel.view.status.text()
    run = panel.tuning.run
    load_network(load_path(run))
    desk.click(panel.view.go_on)
    desk.wait(lambda: panel.tuning.started.pid != first.pid)
    assert panel.tuning.started.resumed
    desk.click(panel.view.stop)
    desk.wait(lambda: panel.tuning.state == "finished")


@pytest.mark.slow
def test_a_closed_viewer_leaves_the_training_alone_and_another_finds_it(
    desk: Any, learner: Path, make_napari_viewer: Any, qtbot: Any
) -> None:
    verify([2, 10, 18, 26])
    panel = started(desk, 10)
    run, pid = panel.tuning.run, panel.tuning.started.pid
    steps = len(panel.tuning.losses)
    desk.wait(lambda: "min left" in panel.view.status.text())
    desk.viewer.close()
    other = type(desk)(make_napari_viewer(show=True), qtbot)
    assert run.alive
    again = finetune(other)
    other.wait(lambda: again.tuning is not None and len(again.tuning.losses) > steps)
    assert again.tuning.started.pid == pid
    assert again.tuning.state == "running"
    assert not again.start.isVisible()
    other.click(again.view.stop)
    other.wait(lambda: again.tuning.state == "finished")
    other.viewer.window.remove_dock_widget(again)
    third = finetune(other)  # finished, and not decided on
    other.wait(lambda: third.tuning is not None and third.view.decision.keep.isVisible())
    other.type(third.view.decision.name, "colour")
    other.click(third.view.decision.keep)
    other.wait(lambda: "already" in third.view.decision.said.text())
    assert third.view.decision.keep.isEnabled()


@pytest.mark.slow
def test_a_harmful_fine_tuning_is_refused_as_the_default_and_a_click_goes_back(
    desk: Any, learner: Path, notices: list[str]
) -> None:
    verify([2, 8, 14, 20, 26])
    panel = set_up(desk, 3)
    panel.setup.budget.unit.setCurrentText("steps")
    panel.setup.budget.amount.setValue(100)
    desk.click(panel.start)
    desk.wait(lambda: panel.tuning is not None and panel.tuning.state == "finished")
    good = panel.tuning.finished
    assert good.improved
    keep_as(desk, panel, "good")
    assert [model.name for model in default_models()] == ["good"]

    film, masks = disc_film()
    wrong = 1 - np.array(masks.labels)
    (case,) = panel.setup.chosen.verified
    held_out = panel.setup.frames.held_out[case]
    wrong[list(held_out)] = masks.labels[list(held_out)]
    store = find_store(masks.label_set, film.channel_names)
    harm = Segmentation(wrong, "TYX", masks.label_set, film.geometry)
    store.verify(film, harm, [2, 8, 14, 20, 26])
    panel.setup.read()
    desk.wait(lambda: "good" in [model.name for model in panel.session.models])
    panel.setup.model.setCurrentText("good")
    desk.click(panel.start)
    desk.wait(lambda: panel.tuning is not None and panel.tuning.state == "finished")
    before, after = panel.tuning.finished.before, panel.tuning.dices[-1][1]
    assert after["nodule"] < before["nodule"]
    keep_as(desk, panel, "bad")
    assert any("bad is not made the default: training led to" in text for text in notices)
    assert [model.name for model in default_models()] == ["good"]

    (bad,) = [model for model in list_models() if model.name == "bad"]
    make_default(bad)
    panel.session.relist_models()
    desk.wait(lambda: panel.default.about.text() == "Default model: bad")
    desk.click(panel.default.back)
    desk.wait(lambda: panel.default.about.text() == "Default model: good")
    assert [model.name for model in default_models()] == ["good"]


@pytest.mark.slow
def test_a_new_model_is_trained_from_a_folder(
    desk: Any, model_folder: Path, tmp_path: Path, notices: list[str]
) -> None:
    layouts.paired(tmp_path / "discs", 6)
    panel = new_training(desk, tmp_path / "discs")
    setup = panel.new_setup
    desk.wait(lambda: setup.recipe.count() > 0)
    assert "6 cases, folders of images and masks." in setup.about.text()
    setup.recipe.setCurrentText("vm_unet_v2")
    assert setup.name.text() == "vm_unet_v2-discs"
    setup.budget.unit.setCurrentText("steps")
    setup.budget.amount.setValue(1000)
    desk.click(panel.start)
    desk.wait(lambda: panel.tuning is not None and bool(panel.tuning.losses))
    assert "1,000 steps" in panel.view.about.text()
    assert "5 cases train, 1 held out" in panel.view.about.text()
    assert panel.tuning.run.alive
    desk.click(panel.view.stop)
    desk.wait(lambda: panel.tuning.state == "finished")
    assert "Stopped after" in panel.view.result.text()
    assert panel.view.decision.name.text() == "vm_unet_v2-discs"
    desk.click(panel.view.decision.keep)
    desk.wait(lambda: panel.tuning is None)
    (kept,) = [model for model in list_models() if model.name == "vm_unet_v2-discs"]
    assert kept.recipe.kind == "image"
    assert "6 cases" in kept.card.training_data
    assert any("is not made the default" in text for text in notices)
