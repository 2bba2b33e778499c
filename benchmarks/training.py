"""What our training costs beside a bare PyTorch loop, and how long it waits for samples.

    OMP_NUM_THREADS=1 MAMBASEG_TEST_DATA=FOLDER python benchmarks/training.py [NAME ...]

Both loops take the same samples through the same network, loss and optimizer, turn by turn; the
bare one makes each batch when it wants it. FOLDER/data holds the data sets under the names that the
configurations in sample_data/ give them. Ends with 1 if a limit is passed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import lightning
import torch
from record import record, table
from torch.utils.data import DataLoader, Dataset

from mambaseg.training import read_config
from mambaseg.training.fitting import fit
from mambaseg.training.module import SegmentationModule, build_optimizer
from mambaseg.training.run import Run
from mambaseg.training.run_state import Saved, TrainingState
from mambaseg.training.sources import Sources
from mambaseg.training.supervision import Supervision
from mambaseg.types.optimization import Budget
from mambaseg.types.training_config import TrainingConfig
from mambaseg.zoo import build_network

CONFIGS = Path(__file__).parents[1] / "sample_data"
ROUNDS, STEPS, FIRST = 6, 8, 2
"""Turns of each loop, steps that count in a turn, and steps before them."""
LIMIT = 1.05
WAIT_LIMIT = 0.05


class Timed(Supervision[TrainingState]):
    """Keeps the time at which each batch came, and was done with."""

    came: list[float]
    done: list[float]

    def judge(self, network: Any, dice: Any) -> None:
        return None

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        super().on_train_start(trainer, module)
        self.came, self.done = [], []

    def on_train_batch_start(self, *given: Any) -> None:
        self.came.append(time.perf_counter())
        super().on_train_batch_start(*given)

    def on_train_batch_end(self, *given: Any) -> None:
        super().on_train_batch_end(*given)
        self.done.append(time.perf_counter())


def ours(module: SegmentationModule, samples: Dataset[Any], c: TrainingConfig) -> list[list[float]]:
    """Seconds of each step, from batch to batch, and of the wait within it."""
    with tempfile.TemporaryDirectory() as folder:
        state = TrainingState(config=c, folder=folder, output="", training=("a",), held_out=())
        watch = Timed(
            Run(Path(folder)),
            Saved(state, {}, {}, {}),
            budget=Budget(steps=FIRST + STEPS + 1),
            validations=1,
            validate=lambda network: {},
            tell=lambda event: None,
            begun=time.monotonic(),
            seed=c.seed,
        )
        fit(module, samples, watch, batches=c.batches, device=torch.device("cpu"))
    steps = [b - a for a, b in zip(watch.came, watch.came[1:], strict=False)]
    waits = [b - a for a, b in zip(watch.done, watch.came[1:], strict=False)]
    return [steps[FIRST:], waits[FIRST:]]


def bare(module: SegmentationModule, samples: Dataset[Any], c: TrainingConfig) -> list[float]:
    """Seconds of each step."""
    o, times = c.optimization, []
    optimizer = build_optimizer(module.network, c.recipe.network, o)
    numbers = range((FIRST + STEPS) * c.batches.size)
    start = time.perf_counter()
    for index, batch in enumerate(DataLoader(samples, c.batches.size, sampler=numbers)):
        optimizer.zero_grad()
        module.training_step(batch, index).backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), o.gradient_clip or 1)
        optimizer.step()
        start, before = time.perf_counter(), start
        times.append(start - before)
    return times[FIRST:]


def measured(name: str, data: Path) -> tuple[list[str], bool]:
    c = read_config(CONFIGS / f"{name}.yaml")
    samples = Sources(c, data).samples()
    module = SegmentationModule(build_network(c.recipe), c.recipe, c.optimization, c.loss)
    steps, waits, plain = [], [], []
    for _ in range(ROUNDS):
        plain += bare(module, samples, c)
        found = ours(module, samples, c)
        steps += found[0]
        waits += found[1]
    ratio, waiting = median(steps) / median(plain), median(waits) / median(steps)
    row = [name, f"{median(plain):.3f}", f"{median(steps):.3f}", f"{ratio:.3f}", f"{waiting:.3f}"]
    return row, ratio <= LIMIT and waiting <= WAIT_LIMIT


def main() -> None:
    data = Path(os.environ["MAMBASEG_TEST_DATA"]) / "data"
    names = sys.argv[1:] or sorted(
        path.stem for path in CONFIGS.glob("*.yaml") if "echo" not in path.stem
    )
    rows, good = zip(*(measured(name, data) for name in names), strict=True)
    header = ["training of", "bare loop / s", "ours / s", "ours / bare", "waiting / step"]
    record(
        "Training beside a bare loop",
        " ".join(["OMP_NUM_THREADS=1 python benchmarks/training.py", *sys.argv[1:]]),
        f"Medians of {ROUNDS * STEPS} steps each, turn by turn. Ours makes samples in a second "
        "thread, keeps a running average of the weights, looks for NaN, and saves its state. "
        f"Limits: ours / bare {LIMIT}, waiting {WAIT_LIMIT} of a step.\n\n" + table(header, rows),
    )
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
