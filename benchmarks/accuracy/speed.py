"""What a training step of each network takes, all measured in one interleaved run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from accuracy.task import Task
from torch.utils.data import default_collate

from mambaseg.training.module import SegmentationModule, build_optimizer
from mambaseg.training.sources import Sources
from mambaseg.zoo import build_network

ROUNDS = 15


def step_seconds(task: Task, data: Path) -> dict[str, float]:
    """Median seconds of a training step by network: sample, loss, gradients and update.

    Of the processor, not of the clock, which other work on the machine would hold up.
    """
    steps = {name: _stepper(task, name, data) for name in task.networks}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(ROUNDS + 2):
        for name, step in steps.items():
            start = time.process_time()
            step(round_)
            if round_ >= 2:  # what is compiled or read first
                times[name].append(time.process_time() - start)
    return {name: median(seconds) for name, seconds in times.items()}


def _stepper(task: Task, name: str, data: Path) -> Callable[[int], None]:
    config = task.config(name, 0, 1)
    samples, size = Sources(config, data).samples(), config.batches.size
    network = build_network(config.recipe).train()
    module = SegmentationModule(network, config.recipe, config.optimization, config.loss)
    optimizer = build_optimizer(network, config.recipe.network, config.optimization)

    def step(number: int) -> None:
        x, labels = default_collate([samples[number * size + one] for one in range(size)])
        optimizer.zero_grad()
        module.training_step((x, labels), number).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.optimization.gradient_clip or 1)
        optimizer.step()

    return step
