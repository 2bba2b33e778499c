"""A training that is killed twenty times ends where one ends that was left alone."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

import layouts
import pytest
import torch
import yaml
from models import PICTURES

from mambaseg.training import Run
from mambaseg.training.events import Finished
from mambaseg.training.run_state import TrainingState, load_state
from mambaseg.zoo import load_network, read_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="processes are forked, and killed by a signal"),
]

CONFIG = {
    "name": "discs",
    "recipe": {"channels": ["red", "green", "blue"], **PICTURES, "labels": {1: "disc"}},
    "data": [{"path": "discs", "look_alike": None}],
    "budget": {"steps": 40},
    "batches": {"size": 2},
    "validation": {"times": 20},  # each saves
}
KILLS = 20


def _command(words: list[str]) -> None:
    """Run `mambaseg` in a child, whose imports are warm: kills hit the run itself."""
    from mambaseg.cli.main import main

    torch.set_num_threads(1)
    raise SystemExit(main(words))


@pytest.fixture(scope="module")
def forked() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mambaseg.cli.train", "mambaseg.training", "monai.transforms"])
    return context


def _begin(forked: multiprocessing.context.ForkServerContext, folder: Path) -> BaseProcess:
    """Start the training in `folder`, or go on with it if there is something to go on with."""
    run = Run(folder / "model.run")
    words = ["train", "--device", "cpu"]
    if run.state_file.exists():
        words += ["--resume", str(run.path)]
    else:
        words += [str(folder.parent / "config.yaml"), "-o", str(folder / "model.safetensors")]
    process = forked.Process(target=_command, args=(words,))
    process.start()
    return process


def _step(run: Run) -> int:
    """How far the state on disk is; 0 where there is none yet."""
    return load_state(run.state_file, TrainingState).state.step if run.state_file.exists() else 0


def _check_end(folder: Path, reference: dict[str, torch.Tensor]) -> None:
    assert isinstance(Run(folder / "model.run").outcome, Finished)
    assert not list(folder.rglob(".partial-*"))
    weights = load_network(read_model(folder / "model.safetensors")).state_dict()
    for name, value in reference.items():
        torch.testing.assert_close(weights[name], value, rtol=2e-3, atol=2e-3)


def test_kill_9_at_twenty_random_moments(
    forked: multiprocessing.context.ForkServerContext, tmp_path: Path
) -> None:
    layouts.paired(tmp_path / "discs", cases=6)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    first = forked.Process(target=str)  # whose start imports everything
    first.start()
    first.join()
    process = _begin(forked, quiet)
    process.join()
    assert process.exitcode == 0
    reference = load_network(read_model(quiet / "model.safetensors")).state_dict()

    randomly = random.Random(0)  # noqa: S311
    kills, begins, steps = 0, 0, set[int]()
    while kills < KILLS:
        folder = tmp_path / f"killed{begins}"
        folder.mkdir()
        begins += 1
        while not (folder / "model.safetensors").exists() and kills < KILLS:
            run = Run(folder / "model.run")
            # By steps, not by the clock: a busy machine would be killed before its first one.
            wanted = _step(run) + randomly.randrange(8)
            process = _begin(forked, folder)
            while process.exitcode is None and _step(run) < wanted:
                process.join(0.02)
            process.join(randomly.uniform(0, 0.5))
            if process.exitcode is None:
                process.kill()
                process.join()
            assert process.exitcode in (0, -signal.SIGKILL)
            kills += process.exitcode != 0
            assert not run.alive
            steps.add(_step(run))
        while not isinstance(Run(folder / "model.run").outcome, Finished):
            process = _begin(forked, folder)
            process.join()
            assert process.exitcode == 0
        _check_end(folder, reference)
    assert len(steps) > 2, "kills hit different moments"
