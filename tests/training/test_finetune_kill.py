"""A training process that is killed leaves whole files, and goes on when started again."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import pytest
from patience import PATIENCE_S, wait_for
from verified import nodule_model, verified_store

from mambaseg.corrections import Store
from mambaseg.training import FineTuningConfig, Run, finetune_command
from mambaseg.training.events import Finished, Progress, Started
from mambaseg.training.run_state import load_state
from mambaseg.types.optimization import Budget
from mambaseg.zoo import load_network, read_model

pytestmark = pytest.mark.slow


def _start(config: FineTuningConfig, run: Run) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = finetune_command(config, run.path, device="cpu")
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603


def _wait_for(run: Run, kind: type[Started | Progress]) -> None:
    wait_for(lambda: any(isinstance(event, kind) for event in run.events()[0]))


def _check_whole(run: Run, store: Path) -> None:
    assert len(Store(store).verified_frames(Store(store).cases()[0])) == 4
    if run.model_file.exists():
        load_network(read_model(run.model_file))
    if run.state_file.exists():
        load_state(run.state_file)
    run.events()


def test_kill_9_once_and_go_on(tmp_path: Path) -> None:
    nodule_model(tmp_path)
    store = verified_store(tmp_path / "store", [2, 10, 18, 26]).path
    run = Run(tmp_path / "run")
    config = FineTuningConfig(
        model=str(tmp_path / "parent.safetensors"), data=str(store), minutes=60
    )
    with _start(config, run) as process:
        _wait_for(run, Progress)
        assert run.alive
        process.kill()
    assert not run.alive
    assert run.outcome is None
    _check_whole(run, store)
    config = config.model_copy(update={"budget": Budget(steps=20)})
    with _start(config, run) as process:
        assert process.wait(timeout=PATIENCE_S) == 0
    assert isinstance(run.outcome, Finished)
    starts = [event for event in run.events()[0] if isinstance(event, Started)]
    assert [event.resumed for event in starts] == [False, True]


def test_kill_9_at_ten_random_moments_of_one_run(tmp_path: Path) -> None:
    nodule_model(tmp_path)
    store = verified_store(tmp_path / "store", [2, 10, 18, 26]).path
    run = Run(tmp_path / "run")
    config = FineTuningConfig(
        model=str(tmp_path / "parent.safetensors"), data=str(store), minutes=0.3
    )
    randomly = random.Random(0)  # noqa: S311
    for _ in range(10):
        with _start(config, run) as process:
            time.sleep(randomly.uniform(2, 14))
            process.kill()
        assert not run.alive
        _check_whole(run, store)
        if run.outcome is not None:
            break
    if run.outcome is None:
        with _start(config, run) as process:
            assert process.wait(timeout=PATIENCE_S) == 0
    assert isinstance(run.outcome, Finished)
    _check_whole(run, store)
    assert not list(run.path.glob(".partial-*"))
