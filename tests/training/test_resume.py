"""A training that was cut off ends where it would have; it waits and stops when asked to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any

import layouts
import pytest
import torch
from models import PICTURES, VOLUMES
from verified import nodule_model, verified_store

from mambaseg.cli.main import main
from mambaseg.training import FineTuningConfig, Run, finetune, resume, train
from mambaseg.training.events import (
    Failed,
    Finished,
    Progress,
    RunEvent,
    TrainingEvent,
    TrainingStarted,
)
from mambaseg.training.run_state import TrainingState, load_state, save_state
from mambaseg.training.supervision import Supervision
from mambaseg.types.errors import OutOfMemoryError, TrainingError
from mambaseg.types.optimization import Budget
from mambaseg.types.training_config import TrainingConfig
from mambaseg.zoo import build_network, load_network


class Cut(Exception):  # noqa: N818 - what a kill does, without a process
    pass


def config(folder: Path, **changes: Any) -> TrainingConfig:
    """Pictures of discs."""
    if not (folder / "discs").exists():
        layouts.paired(folder / "discs", cases=6)
    values: dict[str, Any] = {
        "name": "discs",
        "recipe": {"channels": ("red", "green", "blue"), **PICTURES, "labels": {1: "disc"}},
        "data": [{"path": "discs", "look_alike": None}],
        "budget": {"steps": 8},
        "batches": {"size": 4, "at_once": 2},
        "optimization": {"average_decay": 0.9},
        "validation": {"times": 4},
        **changes,
    }
    return TrainingConfig.model_validate(values)


def start(folder: Path, name: str, listen: Callable[[TrainingEvent], None] | None = None, **c: Any):
    return train(
        config(folder, **c), folder / f"{name}.safetensors", folder=folder, device="cpu",
        listen=listen,
    )  # fmt: skip


def cut_at(step: int) -> Callable[[TrainingEvent], None]:
    def listen(event: TrainingEvent) -> None:
        if isinstance(event, Progress) and event.step >= step:
            raise Cut

    return listen


@pytest.mark.slow
def test_it_ends_where_the_one_that_was_not_cut_off_ends(tmp_path: Path) -> None:
    # The first validation comes when it is due; later ones wait where it took long.
    halves = {"times": 2}
    whole = start(tmp_path, "whole", validation=halves)
    with pytest.raises(Cut):
        start(tmp_path, "cut", cut_at(4), validation=halves)
    state = load_state(tmp_path / "cut.run" / "state.safetensors", TrainingState)
    assert state.state.step == 4
    assert state.average
    assert not (tmp_path / "cut.safetensors").exists()
    model = resume(tmp_path / "cut.run", device="cpu")
    assert model.path == tmp_path / "cut.safetensors"
    first, second = (load_network(one).state_dict() for one in (whole, model))
    for key, value in first.items():
        torch.testing.assert_close(second[key], value, rtol=0, atol=0, msg=key)
    events, _ = Run(tmp_path / "cut.run").training_events()
    started = [event for event in events if isinstance(event, TrainingStarted)]
    assert [event.resumed for event in started] == [False, True]
    assert started[0].training == started[1].training
    assert isinstance(events[-1], Finished)


def test_a_run_that_has_ended_can_be_given_more(tmp_path: Path) -> None:
    start(tmp_path, "m", budget={"steps": 2})
    resume(tmp_path / "m.run", budget=Budget(steps=3), device="cpu")
    finished = Run(tmp_path / "m.run").outcome
    assert isinstance(finished, Finished)
    assert finished.step == 3


def test_other_data_than_before_are_refused(tmp_path: Path) -> None:
    start(tmp_path, "m", budget={"steps": 1})
    for name in ("images", "masks"):
        (tmp_path / "discs" / name / "p5.png").unlink()
    with pytest.raises(TrainingError, match="have other cases now than when it began"):
        resume(tmp_path / "m.run", budget=Budget(steps=3), device="cpu")


def test_it_stops_when_asked_to(tmp_path: Path) -> None:
    def listen(event: TrainingEvent) -> None:
        if isinstance(event, TrainingStarted):
            Run(tmp_path / "m.run").request_stop()

    start(tmp_path, "m", listen, budget={"steps": 10**6})
    finished = Run(tmp_path / "m.run").outcome
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.step) == ("stopped", 1)


def test_it_waits_when_asked_to_and_its_budget_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, waited, waits = Run(tmp_path / "m.run"), 1.5, Supervision._wait_while_paused
    pauses: list[tuple[float, float]] = []

    def listen(event: TrainingEvent) -> None:
        if isinstance(event, TrainingStarted):
            run.request_pause()

    def timed(supervision: Supervision[Any]) -> None:
        begun, seconds = time.monotonic(), supervision.seconds
        Timer(waited, run.request_stop).start()
        waits(supervision)
        pauses.append((time.monotonic() - begun, supervision.seconds - seconds))

    monkeypatch.setattr(Supervision, "_wait_while_paused", timed)
    start(tmp_path, "m", listen, budget={"minutes": 1})
    finished = run.outcome
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.step) == ("stopped", 1)
    ((paused, counted),) = pauses
    assert counted < waited <= paused


def test_it_ends_early_when_it_gets_no_better(tmp_path: Path) -> None:
    start(
        tmp_path,
        "m",
        budget={"steps": 10**6},
        optimization={"learning_rate": 1e-20, "average_decay": 0.5},
        # After every step; on a slow machine after every few.
        validation={"times": 10**6, "patience": 2, "keep": "best"},
    )
    finished = Run(tmp_path / "m.run").outcome
    assert isinstance(finished, Finished)
    assert finished.reason == "no better"


def test_epochs_are_passes_through_the_training_cases(tmp_path: Path) -> None:
    start(tmp_path, "m", budget={"epochs": 2})
    finished = Run(tmp_path / "m.run").outcome
    assert isinstance(finished, Finished)
    assert finished.step == 3  # of 5 cases, 4 in a batch


@pytest.mark.slow
def test_volumes_with_parts_that_are_not_annotated(tmp_path: Path) -> None:
    layouts.nnunet(tmp_path / "balls", cases=4)
    mask = layouts.ball(0)
    mask[:5] = 2
    layouts.write_volume(tmp_path / "balls/labelsTr/c0.nii.gz", mask)
    recipe = {
        **VOLUMES,
        "channels": ("T1", "T2"),
        "labels": {5: "ball"},
        "input": {"kind": "volume", "patch_size": (16, 32, 32), "spacing_mm": (1.5, 1.0, 1.0)},
    }
    model = start(
        tmp_path, "m", recipe=recipe, data=[{"path": "balls", "held_out": 0.5}],
        budget={"steps": 2}, optimization={"optimizer": "sgd"},
    )  # fmt: skip
    ((name, dice),) = model.card.scores.items()
    assert name.startswith("ball: mean Dice on 2 held-out volumes (95 % interval ")
    assert 0 <= dice <= 1


def test_a_run_that_goes_on_may_see_fewer_samples_at_once(tmp_path: Path) -> None:
    start(tmp_path, "m", budget={"steps": 1})
    run = tmp_path / "m.run"
    told = ["train", "--resume", str(run), "--steps", "2", "--at-once", "1", "--device", "cpu"]
    assert main(told) == 0
    events = Run(run).training_events()[0]
    begun = [event.config.batches.at_once for event in events if isinstance(event, TrainingStarted)]
    assert begun == [2, 1]


def test_a_batch_that_cannot_be_divided(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="A batch of 4 samples cannot be divided"):
        start(tmp_path, "m", batches={"size": 4, "at_once": 3})


def test_the_requests_of_a_run_that_another_process_trains_stay(tmp_path: Path) -> None:
    start(tmp_path, "m", budget={"steps": 1})
    run = Run(tmp_path / "m.run")
    run.request_pause()
    with run.running(), pytest.raises(TrainingError, match="Another process is already training"):
        resume(run.path, budget=Budget(steps=2), device="cpu")
    assert run.pause_requested


def test_memory_that_does_not_suffice_to_read_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any) -> None:
        raise MemoryError("Unable to allocate 9 GiB")

    start(tmp_path, "m", budget={"steps": 1})
    monkeypatch.setattr("mambaseg.training.trainer.Sources", read)
    said = "The memory of this computer did not suffice"
    for go in (lambda: start(tmp_path, "new"), lambda: resume(tmp_path / "m.run", device="cpu")):
        with pytest.raises(OutOfMemoryError, match=said):
            go()
    for name in ("new.run", "m.run"):
        outcome = Run(tmp_path / name).outcome
        assert isinstance(outcome, Failed)
        assert said in outcome.message


def test_a_fine_tuning_that_was_killed_while_it_waited_goes_on(tmp_path: Path) -> None:
    nodule_model(tmp_path)
    verified_store(tmp_path / "store", [2, 14, 26])
    run = Run(tmp_path / "run")
    tuning = FineTuningConfig(
        model=str(tmp_path / "parent.safetensors"),
        data=str(tmp_path / "store"),
        budget=Budget(steps=1),
    )

    def kill(event: RunEvent) -> None:
        run.request_pause()
        raise Cut

    with pytest.raises(Cut):
        finetune(tuning, run.path, device="cpu", listen=kill)

    def look(event: RunEvent) -> None:
        assert not run.pause_requested

    assert finetune(tuning, run.path, device="cpu", listen=look).step == 1


def test_divergence_names_the_step_of_the_whole_run(tmp_path: Path) -> None:
    start(tmp_path, "m", budget={"steps": 3})
    path = tmp_path / "m.run" / "state.safetensors"
    saved = load_state(path, TrainingState)
    content = saved.state.config.model_dump()
    content["optimization"] |= {"learning_rate": 1e30, "gradient_clip": 1e30}
    config = TrainingConfig.model_validate(content)
    network = build_network(config.recipe)
    network.load_state_dict(saved.weights)
    save_state(path, saved.state.model_copy(update={"config": config}), network, None)
    with pytest.raises(TrainingError, match=r"The loss is not a number at step 4:"):
        resume(tmp_path / "m.run", budget=Budget(steps=9), device="cpu")


def test_nothing_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no training to go on with"):
        resume(tmp_path / "nowhere")
