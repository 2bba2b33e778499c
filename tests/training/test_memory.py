"""What a training is said to need before it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from models import PICTURES, VOLUMES

from mambaseg.training.memory import TrainingMemory, training_memory
from mambaseg.types.training_config import TrainingConfig
from mambaseg.zoo import build_network

MEASURE = """
import sys
from test_memory import config, peak_of_steps
print(peak_of_steps(config(sys.argv[1], 2)))
"""
BIG = {
    "segmamba": {
        **VOLUMES,
        "arguments": {"depths": [1, 1, 1, 1], "widths": [16, 32, 64, 64], "hidden_width": 64},
        "input": {"kind": "volume", "patch_size": (64, 64, 64)},
    },
    "vm_unet_v2": {
        **PICTURES,
        "channels": ("red", "green", "blue"),
        "arguments": {"depths": [1, 1, 2, 1], "widths": [24, 48, 96, 192]},
        "input": {"kind": "image", "size": (640, 640)},
    },
}


def config(network: str, size: int, **changes: Any) -> TrainingConfig:
    values = {"name": "m", "recipe": BIG[network], "data": [{"path": "x"}], **changes}
    return TrainingConfig.model_validate({**values, "batches": {"size": size}})


def peak_of_steps(config: TrainingConfig) -> int:
    """Bytes by which training steps raise this process's peak."""
    from mambaseg.training.memory import _input_shape
    from mambaseg.training.module import SegmentationModule, build_optimizer

    network = build_network(config.recipe)
    x = torch.rand(_input_shape(config.recipe, config.batches.size))
    module = SegmentationModule(network, config.recipe, config.optimization, config.loss)
    optimizer = build_optimizer(network, config.recipe.network, config.optimization)
    before = _peak()
    for _ in range(2):
        module.training_step((x, torch.ones_like(x[:, :1])), 0).backward()
        optimizer.step()
        optimizer.zero_grad()
    return _peak() - before


def _peak() -> int:
    # Not ru_maxrss, which a process inherits of the one that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def estimate(config: TrainingConfig) -> TrainingMemory:
    network = build_network(config.recipe)
    return training_memory(network, config, config.batches.size, torch.device("cpu"))


def test_twice_the_samples_need_about_twice_the_memory() -> None:
    two, four = (estimate(config("vm_unet_v2", size)) for size in (2, 4))
    assert 1.6 < four.needed_bytes / two.needed_bytes < 2
    assert four.most_at_once == 4


@pytest.mark.parametrize(
    ("most_at_once", "said"),
    [(4, "close other programs, or set at_once in batches to 4"), (0, "a smaller network, or")],
)
def test_what_to_change_where_it_does_not_fit(most_at_once: int, said: str) -> None:
    text = TrainingMemory(12 * 10**9, 8 * 10**9, most_at_once).text
    assert text.startswith("needs about 12.0 GB of memory, but only 8.0 GB are free: ")
    assert said in text


def test_a_batch_that_does_not_fit_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = estimate(config("vm_unet_v2", 8)).needed_bytes
    monkeypatch.setattr("mambaseg.training.memory.free_bytes", lambda device: whole * 2 // 3)
    assert estimate(config("vm_unet_v2", 8)).most_at_once == 4


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
@pytest.mark.parametrize("network", list(BIG))
def test_what_is_said_is_what_is_held(network: str) -> None:
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", f"import sys; sys.path += {folders!r}\n{MEASURE}", network],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    held = int(done.stdout.split()[-1])
    assert 0.7 < estimate(config(network, 2)).needed_bytes / held < 2
