"""The Fine-tune panel where something is missing or wrong: a sentence with a next step."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import layouts
import numpy as np
import pytest
from qtpy.QtCore import Qt
from tuning_desk import finetune, new_training, set_up, verify
from verified import NODULE, disc_film, nodule_model

from mambaseg.corrections import corrections_folder, find_store
from mambaseg.session import open_runs
from mambaseg.types import Segmentation

pytestmark = pytest.mark.usefixtures("display", "no_training_is_left")


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


def settle(desk: Any, panel: Any) -> None:
    """Wait until all is shown that was asked for in the background."""
    shown: list[object] = []
    panel.session.files.submit(lambda task: None, shown.append, shown.append)
    desk.wait(lambda: bool(shown))


def test_ticks_stay_whatever_model_is_chosen_and_when_a_start_is_refused(
    desk: Any, learner: Path, notices: list[str]
) -> None:
    verify([2, 10, 18, 26])
    panel = set_up(desk)
    tree, ((case, (proposed,)),) = panel.setup.frames, panel.setup.frames.held_out.items()
    tree.item(case, proposed).setCheckState(0, Qt.CheckState.Unchecked)
    tree.item(case, 10).setCheckState(0, Qt.CheckState.Checked)
    assert proposed != 10
    panel.setup.model.setCurrentText("colour")
    settle(desk, panel)
    assert tree.held_out == {case: (10,)}
    panel.setup.model.setCurrentText("parent")
    learner.unlink()
    desk.click(panel.start)
    desk.wait(lambda: "parent" not in [model.name for model in panel.session.models])
    settle(desk, panel)
    assert tree.held_out == {case: (10,)}
    assert "3 train, 1 held out" in panel.setup.about_frames.text()


def test_frames_that_the_model_has_learnt_are_not_proposed_and_told_when_ticked(
    desk: Any, model_folder: Path
) -> None:
    verify([2, 8, 14, 20, 26])
    (case,) = find_store(NODULE, ("red", "green", "blue")).cases()
    digest = case.rpartition("_")[2]
    nodule_model(model_folder, trained_frames={digest: (8, 14, 20, 26)})
    panel = set_up(desk)
    tree = panel.setup.frames
    desk.wait(lambda: tree.held_out == {case: (2,)})
    assert "has learnt" not in panel.setup.about_frames.text()
    tree.item(case, 26).setCheckState(0, Qt.CheckState.Checked)
    assert (
        "parent has learnt from 1 of the 2 held-out frames before"
        in panel.setup.about_frames.text()
    )


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


def test_a_damaged_store_is_named_and_the_others_stay(desk: Any, learner: Path) -> None:
    verify([2, 10, 18, 26])
    (store,) = corrections_folder().iterdir()
    bad = store.with_name("Dataset777_bad")
    shutil.copytree(store, bad)
    (bad / "dataset.json").write_text("{")
    panel = set_up(desk)
    assert panel.setup.data.count() == 1


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
    desk.wait(lambda: panel.tuning is not None and panel.tuning.state == "failed")
    assert "holds images, but segmamba takes a volume" in panel.view.status.text()
    desk.click(panel.view.decision.discard)
    desk.wait(lambda: panel.tuning is None)
