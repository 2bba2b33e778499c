"""Two processes train as one with the same batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import layouts
import pytest
import torch
import yaml

from mambaseg.training import Run
from mambaseg.training.events import Finished
from mambaseg.training.run_state import TrainingState, load_state

pytestmark = pytest.mark.slow

CONFIG = {
    "format_version": 2,
    "name": "balls",
    "recipe": {  # without batch norm, whose statistics processes on CPUs cannot share
        "network": "segmamba",
        "arguments": {"depths": [1, 1, 1, 1], "widths": [4, 8, 8, 8], "hidden_width": 8},
        "channels": ["MRI"],
        "intensity": {"rule": "z_score"},
        "input": {"kind": "volume", "patch_size": [16, 32, 32]},
        "labels": {1: "ball"},
        "output": {"form": "softmax"},
    },
    "data": [{"path": "balls"}],
    "budget": {"steps": 4},
    "batches": {"size": 4},
    "optimization": {"optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9},
    "loss": {"cross_entropy": 1, "dice": 1, "pooled": False},
    "validation": {"times": 1},
}  # fmt: skip


TOGETHER = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
"""Two processes, which meet at a port that is free."""


def _train(folder: Path, launcher: list[str], *arguments: str) -> None:
    command = [*launcher, "-m", "mambaseg.cli", "train", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, *command, "--device", "cpu"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def test_two_processes_equal_one(tmp_path: Path) -> None:
    layouts.decathlon(tmp_path / "balls", 6)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    _train(tmp_path, [], "config.yaml", "-o", "one.safetensors")
    _train(tmp_path, TOGETHER, "config.yaml", "-o", "two.safetensors")
    one, two = (
        load_state(tmp_path / f"{n}.run" / "state.safetensors", TrainingState)
        for n in ("one", "two")
    )
    assert one.state.step == two.state.step == 4
    for key, value in one.weights.items():
        torch.testing.assert_close(two.weights[key], value, rtol=1e-4, atol=1e-6, msg=key)
    finished = Run(tmp_path / "two.run").outcome
    assert isinstance(finished, Finished)
    events = Run(tmp_path / "two.run").training_events()[0]
    assert sum(event.event == "training started" for event in events) == 1
    # Both end well, too, where they were killed while the first one wrote the model.
    (tmp_path / "two.safetensors").unlink()
    _train(tmp_path, TOGETHER, "--resume", "two.run")
    assert (tmp_path / "two.safetensors").exists()
