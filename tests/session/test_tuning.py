"""A run as a session follows it: its states, told apart by what lies in its folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import layouts
import numpy as np
import pytest
from models import PICTURES
from patience import PATIENCE_S, wait_for
from verified import nodule_model, verified_store

from mambaseg.session import NewTraining, Tuning, TuningState, Worker, open_runs, runs_folder
from mambaseg.session.new_training import train_command
from mambaseg.session.run_folders import config_of
from mambaseg.training import FineTuningConfig, FrameSplit, Kept, Run, train
from mambaseg.training.events import (
    Failed,
    Finished,
    Progress,
    RunEvent,
    Started,
    TrainingEvent,
    append_event,
)
from mambaseg.training.held_out_views import HeldOutView, HeldOutViews, write_views
from mambaseg.types import LabelSet
from mambaseg.types.errors import TrainingError
from mambaseg.types.optimization import Budget
from mambaseg.types.training_config import TrainingConfig
from mambaseg.zoo import user_models_folder

CONFIG = FineTuningConfig(model="parent", data="store", minutes=1)
STARTED = Started(
    pid=1,
    config=CONFIG,
    parent="parent",
    parent_sha256="0" * 64,
    split=FrameSplit(training={"a": (1,)}, held_out={"a": (9,)}, left_out={}),
    before={"nodule": 0.5},
)
PROGRESS = Progress(step=3, loss=0.4, seconds=2, seconds_left=58, dice={"nodule": 0.6})
FINISHED = Finished(reason="time", step=9, model="m", sha256="0" * 64)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was begun by another viewer."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    made = runs_folder() / "20260102-030405-ab"
    made.mkdir(parents=True)
    (made / "config.json").write_text(CONFIG.model_dump_json())
    return made


def wait(tuning: Tuning, condition: Callable[[], object]) -> None:
    wait_for(condition, tuning.poll)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], "starting"),
        ([STARTED], "cut off"),
        ([STARTED, PROGRESS], "cut off"),
        ([STARTED, Failed(message="no room")], "failed"),
        ([STARTED, PROGRESS, FINISHED], "finished"),
    ],
)
def test_states_of_a_run_that_no_process_runs(
    folder: Path, worker: Worker, events: list[RunEvent], state: TuningState
) -> None:
    for event in events:
        append_event(folder / "events.jsonl", event)
    tuning = Tuning(folder, worker)
    done: list[bool] = []
    tuning.poll()
    worker.submit(lambda task: None, lambda _: done.append(True), pytest.fail)
    wait(tuning, lambda: bool(done))
    assert tuning.state == state
    assert tuning.message == ("no room" if state == "failed" else "")
    assert (tuning.started is not None) == bool(events)


@pytest.mark.slow
def test_a_training_that_cannot_go_on_says_why(
    folder: Path, worker: Worker, tmp_path: Path
) -> None:
    layouts.paired(tmp_path / "discs", cases=6)
    wanted = NewTraining(recipe="vm_unet_v2", data="discs", budget=Budget(steps=9), name="new")
    (folder / "config.json").write_text(wanted.model_dump_json())
    content = {
        "name": "new",
        "recipe": {"channels": ["red", "green", "blue"], **PICTURES, "labels": {1: "disc"}},
        "data": [{"path": "discs", "look_alike": None}],
        "budget": {"steps": 9},
    }

    def kill(event: TrainingEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            TrainingConfig.model_validate(content), folder / "model.safetensors",
            folder=tmp_path, run=folder, device="cpu", listen=kill,
        )  # fmt: skip
    tuning = Tuning(folder, worker)
    wait(tuning, lambda: tuning.state == "cut off" and tuning.started is not None)
    shutil.rmtree(tmp_path / "discs")
    tuning.go_on(pytest.fail)
    wait(tuning, lambda: tuning.state == "failed")
    assert "discs" in tuning.message


def test_a_run_that_never_began_is_cut_off_after_a_while(folder: Path, worker: Worker) -> None:
    old = time.time() - 600
    os.utime(folder / "config.json", (old, old))
    tuning = Tuning(folder, worker)
    wait(tuning, lambda: tuning.state == "cut off")


def test_a_process_that_runs_is_followed_and_its_end_seen(folder: Path, worker: Worker) -> None:
    append_event(folder / "events.jsonl", STARTED)
    code = "import sys, time; from filelock import FileLock; lock = FileLock(sys.argv[1])"
    code += "; lock.acquire(); print('held', flush=True); time.sleep(600)"
    holder = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code, str(folder / "lock")], stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        tuning = Tuning(folder, worker)
        wait(tuning, lambda: tuning.state == "running")
        append_event(folder / "events.jsonl", PROGRESS)
        wait(tuning, lambda: tuning.dices == [(2, {"nodule": 0.6})])
        tuning.pause(pytest.fail)
        wait(tuning, lambda: tuning.run.pause_requested and tuning.paused)
        tuning.pause(pytest.fail)
        wait(tuning, lambda: not tuning.run.pause_requested and not tuning.paused)
        tuning.stop(pytest.fail)
        wait(tuning, lambda: tuning.run.stop_requested)
    finally:
        holder.kill()
        holder.wait()
    wait(tuning, lambda: tuning.state == "cut off")
    assert tuning.losses == [(2, 0.4)]


def test_what_was_read_ahead_of_a_request_does_not_take_it_back(folder: Path) -> None:
    told: SimpleQueue[Callable[[], None]] = SimpleQueue()
    worker = Worker("test", told.put)

    def hear() -> None:
        told.get(timeout=PATIENCE_S)()

    tuning = Tuning(folder, worker)
    tuning.poll()
    tuning.pause(pytest.fail)
    hear()
    assert tuning.paused
    hear()  # that it is asked, after which it is read anew
    tuning.run.forget_requests()  # as another viewer might
    hear()
    tuning.poll()
    hear()
    assert not tuning.paused
    worker.close()


def test_views_are_read_anew_when_they_were_written_and_stay_when_damaged(
    folder: Path, worker: Worker, tmp_path: Path
) -> None:
    tuning = Tuning(folder, worker)
    file, told = tuning.run.views_file, []
    tuning.changed.connect(lambda: told.append(tuning.views))
    for frame in (3, 4):
        mask = np.zeros((4, 5), np.uint8)
        view = HeldOutView("a", frame, np.zeros((4, 5, 3), np.uint8), mask, {"now": mask}, {})
        beside = tmp_path / "views.npz"  # so that the file is new just once
        write_views(beside, HeldOutViews("frame", LabelSet.from_names({1: "a"}), [view]))
        os.utime(beside, ns=(frame, frame))
        beside.replace(file)
        wait(tuning, lambda frame=frame: told and told[-1] and told[-1].views[0].frame == frame)
    beside.write_bytes(b"PK")
    os.utime(beside, ns=(5, 5))
    beside.replace(file)
    wait(tuning, lambda: len(told) == 3)
    assert tuning.views is not None
    assert tuning.views.views[0].frame == 4


def test_a_discarded_run_is_gone(folder: Path, worker: Worker) -> None:
    append_event(folder / "events.jsonl", FINISHED)
    assert open_runs() == [folder]
    tuning = Tuning(folder, worker)
    gone: list[None] = []
    tuning.discard(gone.append, pytest.fail)
    wait(tuning, lambda: bool(gone))
    assert open_runs() == []
    assert not folder.exists()


def test_a_run_without_weights_cannot_be_kept_and_stays(folder: Path, worker: Worker) -> None:
    tuning = Tuning(folder, worker)
    told: list[Exception] = []
    tuning.keep("name", pytest.fail, told.append)
    wait(tuning, lambda: bool(told))
    assert "model.safetensors" in str(told[0])
    assert open_runs() == [folder]


def test_a_training_is_started_once_and_then_goes_on(folder: Path) -> None:
    wanted = NewTraining(recipe="segmamba", data="set", budget=Budget(epochs=2.5), name="new")
    (folder / "config.json").write_text(wanted.model_dump_json())
    assert config_of(Run(folder)) == wanted
    first = train_command(wanted, folder)
    assert first[first.index("--recipe") + 1 :][:1] == ["segmamba"]
    assert first[first.index("--epochs") + 1] == "2.5"
    assert "--small" in first
    assert first[first.index("-o") + 1] == str(folder / "model.safetensors")
    (folder / "state.safetensors").touch()
    assert train_command(wanted, folder)[3:] == ["train", "--resume", str(folder)]
    (folder / "config.json").write_text("[]")
    with pytest.raises(TrainingError, match="config.json is missing or damaged"):
        config_of(Run(folder))


def test_a_run_that_could_not_begin_says_why(folder: Path, worker: Worker) -> None:
    (folder / "log.txt").write_text("loading\nmambaseg: error: no room here\n")
    old = time.time() - 600
    os.utime(folder / "config.json", (old, old))
    tuning = Tuning(folder, worker)
    wait(tuning, lambda: tuning.state == "failed")
    assert tuning.message == "no room here"


@pytest.mark.slow
def test_a_run_outlives_the_viewer_that_is_killed(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    store = verified_store(tmp_path / "store", [2, 10, 18, 26])
    config = FineTuningConfig(
        model=str(nodule_model(tmp_path).path), data=str(store.path), minutes=5
    )
    viewer = (
        "import os, sys\n"
        "from mambaseg.session import start_run\n"
        "from mambaseg.training import FineTuningConfig\n"
        "start_run(FineTuningConfig.model_validate_json(sys.argv[1]))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run(  # noqa: S603
        [sys.executable, "-c", viewer, config.model_dump_json()], check=False, timeout=PATIENCE_S
    )
    assert killed.returncode != 0
    (folder,) = open_runs()
    tuning = Tuning(folder, worker)
    wait(tuning, lambda: tuning.losses and tuning.state == "running")
    tuning.stop(pytest.fail)
    wait(tuning, lambda: tuning.state == "finished")
    kept: list[Kept] = []
    tuning.keep("mine", kept.append, pytest.fail)
    wait(tuning, lambda: bool(kept))
    assert kept[0].model.path == user_models_folder() / "mine.safetensors"
    assert open_runs() == []
