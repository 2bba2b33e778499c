"""The demonstration model as a whole: forward and a training step, fast scan beside portable.

python benchmarks/vivim.py
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from record import record, table

from mambaseg.zoo import load_model, load_network

ROUNDS = 7


def medians(functions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of a run with each backend, called in turn."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(ROUNDS + 1):
        for name, function in functions.items():
            os.environ["MAMBASEG_SCAN"] = name
            start = time.perf_counter()
            function()
            if number:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    model = load_model("vivim-echo-demo")
    network = load_network(model)
    recipe = model.recipe
    torch.manual_seed(0)
    clip = torch.randn(1, recipe.video.clip_length, 3, *recipe.video.size)

    def forward() -> None:
        with torch.inference_mode():
            network.eval()(clip)

    def training_step() -> None:
        network.train()(clip).square().mean().backward()
        network.zero_grad()

    rows = []
    for name, function in {"forward": forward, "training step": training_step}.items():
        times = medians(dict.fromkeys(("cpu", "torch"), partial(function)))
        ratio = times["torch"] / times["cpu"]
        rows.append([name, f"{times['cpu']:.2f}", f"{times['torch']:.2f}", f"{ratio:.1f}"])
    size = " x ".join(map(str, recipe.video.size))
    record(
        "The demonstration model with the fast scan",
        "python benchmarks/vivim.py",
        f"One window of {recipe.video.clip_length} frames of {size}, on {torch.get_num_threads()} "
        f"thread(s), medians of {ROUNDS}, interleaved.\n\n"
        + table(["", "ours (s)", "portable (s)", "portable / ours"], rows),
    )


if __name__ == "__main__":
    main()
