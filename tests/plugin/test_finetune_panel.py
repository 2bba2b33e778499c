"""The Fine-tune panel in a real napari, with a real training in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import layouts
import numpy as np
import pytest
from models import small_model
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox
from verified import disc_film, nodule_model

from mambaseg.corrections import corrections_folder, find_store
from mambaseg.plugin.show import add_layers
from mambaseg.session import open_runs, runs_folder
from mambaseg.training import Run
from mambaseg.types import Segmentation
from mambaseg.zoo import default_models, list_models, load_network, make_default, user_models_folder

pytestmark = pytest.mark.usefixtures("display")

MINUTES = 0.2
PATIENCE_S = 240  # a process that loads torch, on a machine that has much else to do


@pytest.fixture(autouse=True)
def no_training_is_left(desk: Any) -> Iterator[None]:
    yield
    for folder in open_runs():
        run = Run(folder)
        started = [event for event in run.events()[0] if event.event == "started"]
        if run.alive and started:
            os.kill(started[-1].pid, signal.SIGKILL)


@pytest.fixture
def learner(desk: Any, model_folder: Path) -> Path:
    """A model that is quick to train, among the user's own."""
    path = nodule_model(model_folder).path
    return path.rename(model_folder / "learner.safetensors")


def verify(frames: list[int]) -> None:
    film, masks = disc_film()
    find_store(masks.label_set, film.channel_names).verify(film, masks, frames)


def finetune(desk: Any) -> Any:
    desk.menu("Layers", "Segment", "Fine-tune (mambaseg)")
    panel = desk.panel("Fine-tune")
    desk.wait(lambda: panel.note.text() != "Looking for a run…" and bool(panel.session.models))
    return panel


def set_up(desk: Any, minutes: float = MINUTES) -> Any:
    panel = finetune(desk)
    desk.wait(lambda: panel.setup.frames.topLevelItemCount() > 0)
    panel.setup.model.setCurrentText("parent")
    panel.setup.budget.amount.setValue(minutes)
    desk.wait(lambda: "train" in panel.setup.about_frames.text())
    return panel


def started(desk: Any, minutes: float) -> Any:
    panel = set_up(desk, minutes)
    desk.click(panel.start)
    desk.wait(lambda: panel.tuning is not None and bool(panel.tuning.losses), PATIENCE_S)
    return panel


def answer(desk: Any, panel: Any, text: str) -> None:
    desk.wait(lambda: panel.findChild(QMessageBox) is not None)
    box = panel.findChild(QMessageBox)
    desk.click(next(one for one in box.buttons() if one.text().replace("&", "") == text))


def test_the_loop_by_buttons(desk: Any, learner: Path, notices: list[str]) -> None:
    film, masks = disc_film()
    add_layers(desk.viewer, film, masks)
    mask = desk.viewer.layers[-1]
    desk.viewer.layers.selection.active = mask
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    correct = desk.panel("Correct")
    desk.wait(lambda: correct.verify.isEnabled())
    for frame in (2, 9, 16, 23, 28):
        desk.viewer.dims.set_current_step(0, frame)
        desk.wait(lambda frame=frame: f"frame {frame}" in correct.verify.text())
        desk.click(correct.verify)
    desk.wait(lambda: correct.map.states.count("verified") == 5)

    panel = set_up(desk)
    assert panel.setup.data.currentText() == "nodule: 5 frames in 1 clip"
    assert "4 train, 1 held out" in panel.setup.about_frames.text()
    desk.click(panel.start)
    desk.wait(lambda: panel.tuning is not None)
    desk.wait(panel.view.stop.isVisible)
    assert panel.view.stop.isVisible()
    assert not panel.start.isVisible()
    desk.wait(lambda: bool(panel.tuning.losses), PATIENCE_S)
    assert "4 frames train, 1 held out" in panel.view.about.text()
    desk.wait(lambda: panel.view.plot.drawing is not None)
    desk.wait(lambda: panel.tuning.state == "finished", PATIENCE_S)
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


def test_paused_stopped_early_and_discarded_with_the_clip_closed_meanwhile(
    desk: Any, learner: Path
) -> None:
    verify([2, 10, 18, 26])
    film, masks = disc_film()
    add_layers(desk.viewer, film, masks)
    panel = started(desk, 10)
    desk.click(panel.view.pause)
    desk.wait(lambda: panel.view.pause.text() == "Continue")
    assert "Paused" in panel.view.status.text()
    desk.qtbot.wait(2500)  # a step may have been under way
    steps = len(panel.tuning.losses)
    desk.viewer.layers.clear()  # the clip is closed; the run has a copy of its own
    desk.qtbot.wait(2500)
    assert len(panel.tuning.losses) == steps
    desk.click(panel.view.pause)
    desk.wait(lambda: len(panel.tuning.losses) > steps, PATIENCE_S)
    desk.click(panel.view.stop)
    desk.wait(lambda: panel.tuning.state == "finished", PATIENCE_S)
    assert "Stopped after" in panel.view.result.text()
    desk.click(panel.view.decision.discard)
    desk.wait(lambda: panel.tuning is None and panel.start.isVisible())
    assert not any(runs_folder().iterdir())
    assert list(user_models_folder().glob("*tuned*")) == []


def test_a_killed_training_says_so_and_goes_on(desk: Any, learner: Path) -> None:
    verify([2, 10, 18, 26])
    panel = started(desk, 0.5)
    first = panel.tuning.started
    os.kill(first.pid, signal.SIGKILL)
    desk.wait(lambda: panel.tuning.state == "cut off", PATIENCE_S)
    assert "cut off" in panel.view.status.text()
    run = panel.tuning.run
    load_network(load_path(run))
    desk.click(panel.view.go_on)
    desk.wait(lambda: panel.tuning.started.pid != first.pid, PATIENCE_S)
    assert panel.tuning.started.resumed
    desk.click(panel.view.stop)
    desk.wait(lambda: panel.tuning.state == "finished", PATIENCE_S)


def load_path(run: Run) -> Any:
    from mambaseg.zoo import read_model

    return read_model(run.model_file)


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
    other.wait(lambda: again.tuning is not None and len(again.tuning.losses) > steps, PATIENCE_S)
    assert again.tuning.started.pid == pid
    assert again.tuning.state == "running"
    assert not again.start.isVisible()
    other.click(again.view.stop)
    other.wait(lambda: again.tuning.state == "finished", PATIENCE_S)
    other.viewer.window.remove_dock_widget(again)
    third = finetune(other)  # finished, and not decided on
    other.wait(lambda: third.tuning is not None and third.view.decision.keep.isVisible())
    other.type(third.view.decision.name, "colour")
    other.click(third.view.decision.keep)
    other.wait(lambda: "already" in third.view.decision.said.text())
    assert third.view.decision.keep.isEnabled()


def test_without_verified_frames_it_says_what_to_do(desk: Any, notices: list[str]) -> None:
    panel = finetune(desk)
    desk.wait(lambda: "No frame is verified yet" in panel.setup.about_frames.text())
    desk.click(panel.start)
    assert any("verify them in the Correct panel" in text for text in notices)
    assert open_runs() == []


def test_held_out_frames_are_chosen_by_ticks(desk: Any, learner: Path, notices: list[str]) -> None:
    verify([2, 10, 18, 19, 26])
    panel = set_up(desk)
    tree, ((case, (proposed,)),) = panel.setup.frames, panel.setup.frames.held_out.items()
    tree.item(case, proposed).setCheckState(0, Qt.CheckState.Unchecked)
    assert "Without a held-out frame there is no score" in panel.setup.about_frames.text()
    tree.item(case, 18).setCheckState(0, Qt.CheckState.Checked)
    assert "3 train, 1 held out, 1 too near" in panel.setup.about_frames.text()
    assert tree.item(case, 19).text(1) == "—"
    for frame in (2, 10, 26):
        tree.item(case, frame).setCheckState(0, Qt.CheckState.Checked)
    desk.click(panel.start)
    assert any("none is left to train" in text for text in notices)
    assert open_runs() == []


def test_one_verified_frame_has_no_score(desk: Any, learner: Path) -> None:
    verify([5])
    panel = set_up(desk)
    assert "1 train, 0 held out" in panel.setup.about_frames.text()
    assert panel.setup.problem == ""


def test_a_model_that_was_deleted_meanwhile_is_told(
    desk: Any, learner: Path, notices: list[str]
) -> None:
    verify([2, 10, 18, 26])
    panel = set_up(desk)
    learner.unlink()
    desk.click(panel.start)
    desk.wait(lambda: any("learner.safetensors is gone" in text for text in notices))
    assert "Choose another model" in panel.note.text()
    assert open_runs() == []
    desk.wait(lambda: "parent" not in [model.name for model in panel.session.models])
    assert panel.start.isEnabled()


def test_held_out_frames_that_show_nothing_are_told(
    desk: Any, learner: Path, notices: list[str]
) -> None:
    film, masks = disc_film()
    emptied = np.array(masks.labels)
    emptied[26] = 0
    empty = Segmentation(emptied, "TYX", masks.label_set, film.geometry)
    find_store(masks.label_set, film.channel_names).verify(film, empty, [2, 10, 18, 26])
    panel = set_up(desk)
    (case,) = panel.setup.chosen.verified
    tree = panel.setup.frames
    for frame in (2, 10, 18, 26):
        ticked = Qt.CheckState.Checked if frame == 26 else Qt.CheckState.Unchecked
        tree.item(case, frame).setCheckState(0, ticked)
    desk.click(panel.start)
    desk.wait(lambda: any("tick frames that show one" in text for text in notices))
    assert open_runs() == []
    assert panel.start.isEnabled()


def test_frames_that_are_not_verified_any_more_are_told(
    desk: Any, learner: Path, notices: list[str]
) -> None:
    verify([2, 10, 18, 26])
    panel = set_up(desk)
    film, masks = disc_film()
    store = find_store(masks.label_set, film.channel_names)
    ((case, held_out),) = panel.setup.frames.held_out.items()
    store.unverify(case, held_out)
    desk.click(panel.start)
    desk.wait(lambda: any("not verified any more" in text for text in notices))
    assert open_runs() == []
    desk.wait(lambda: panel.setup.data.currentText() == "nodule: 3 frames in 1 clip")


@pytest.mark.slow
def test_a_harmful_fine_tuning_is_refused_as_the_default_and_a_click_goes_back(
    desk: Any, learner: Path, notices: list[str]
) -> None:
    verify([2, 8, 14, 20, 26])
    panel = set_up(desk, 3)
    panel.setup.budget.unit.setCurrentText("steps")
    panel.setup.budget.amount.setValue(150)
    desk.click(panel.start)
    desk.wait(lambda: panel.tuning is not None and panel.tuning.state == "finished", PATIENCE_S)
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
    desk.wait(lambda: panel.tuning is not None and panel.tuning.state == "finished", PATIENCE_S)
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


def keep_as(desk: Any, panel: Any, name: str) -> None:
    desk.type(panel.view.decision.name, name)
    desk.click(panel.view.decision.keep)
    desk.wait(lambda: panel.tuning is None and panel.start.isVisible())


def test_a_damaged_store_is_named_and_the_others_stay(desk: Any, learner: Path) -> None:
    verify([2, 10, 18, 26])
    (store,) = corrections_folder().iterdir()
    bad = store.with_name("Dataset777_bad")
    shutil.copytree(store, bad)
    (bad / "dataset.json").write_text("{")
    panel = set_up(desk)
    assert panel.setup.data.count() == 1


def new_training(desk: Any, folder: Path) -> Any:
    panel = finetune(desk)
    panel.what.setCurrentText("Train new from folder")
    setup = panel.new_setup
    assert setup.isVisible()
    assert not panel.setup.isVisible()
    setup.folder.set_path(folder)
    return panel


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
    desk.wait(lambda: panel.tuning is not None and bool(panel.tuning.losses), PATIENCE_S)
    assert "1,000 steps" in panel.view.about.text()
    assert "5 cases train, 1 held out" in panel.view.about.text()
    assert panel.tuning.run.alive
    desk.click(panel.view.stop)
    desk.wait(lambda: panel.tuning.state == "finished", PATIENCE_S)
    assert "Stopped after" in panel.view.result.text()
    assert panel.view.decision.name.text() == "vm_unet_v2-discs"
    desk.click(panel.view.decision.keep)
    desk.wait(lambda: panel.tuning is None)
    (kept,) = [model for model in list_models() if model.name == "vm_unet_v2-discs"]
    assert kept.recipe.kind == "image"
    assert "6 cases" in kept.card.training_data
    assert any("is not made the default" in text for text in notices)


def test_a_folder_that_is_no_data_set_says_so(
    desk: Any, model_folder: Path, tmp_path: Path, notices: list[str]
) -> None:
    panel = new_training(desk, tmp_path)
    desk.wait(lambda: "is no data set of a known layout" in panel.new_setup.about.text())
    desk.click(panel.start)
    assert any("Choose a folder to learn from first" in text for text in notices)
    assert open_runs() == []


def test_a_training_that_cannot_begin_says_why(
    desk: Any, model_folder: Path, tmp_path: Path
) -> None:
    layouts.paired(tmp_path / "discs", 6)
    panel = new_training(desk, tmp_path / "discs")
    desk.wait(lambda: panel.new_setup.recipe.count() > 0)
    panel.new_setup.recipe.setCurrentText("segmamba")
    desk.click(panel.start)
    desk.wait(lambda: panel.tuning is not None and panel.tuning.state == "failed", PATIENCE_S)
    assert "holds images, but segmamba takes a volume" in panel.view.status.text()
    desk.click(panel.view.decision.discard)
    desk.wait(lambda: panel.tuning is None)
