"""What a process of its own costs: the child's service over the one in this process.

The same jobs by both services in turn, each warm, from `submit` to the last event. Writes its
section of RESULTS.md, and ends with 1 if the child takes over 3 % longer, or its labels differ.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from record import record, table

from mambaseg.data import read_image, sample_path
from mambaseg.inference import Options
from mambaseg.service import (
    ChildProcessService,
    Failed,
    FramesDone,
    InProcessService,
    Request,
    Stopped,
    Succeeded,
)
from mambaseg.types import MedicalImage
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import ModelCard
from mambaseg.zoo import build_network, load_model, write_model

LIMIT_PERCENT = 3.0
VOLUME: dict[str, Any] = {
    "network": "segmamba",
    "arguments": {"depths": [1, 1, 1, 1], "widths": [12, 24, 48, 96], "hidden_width": 96},
    "channels": ("t1", "t1ce", "t2", "flair"),
    "intensity": {"rule": "z_score", "over": "all"},
    "input": {"kind": "volume", "patch_size": (64, 64, 64)},
    "labels": {1: "core", 2: "edge"},
    "output": {"form": "softmax"},
}


def volume_request(folder: Path) -> Request:
    recipe = Recipe.model_validate(VOLUME)
    model = write_model(
        folder / "volume.safetensors",
        build_network(recipe).state_dict(),
        name="volume",
        recipe=recipe,
        card=ModelCard(),
    )
    array = np.random.default_rng(0).normal(100, 30, (4, 64, 96, 96)).astype(np.float32)
    return Request(MedicalImage(array, "CZYX", channel_names=recipe.channels), model, "cpu")


def cpu_seconds(services: list[Any]) -> float:
    """Of this process and the child."""
    total = 0.0
    for pid in {os.getpid(), *(getattr(one, "pid", None) or os.getpid() for one in services)}:
        times = psutil.Process(pid).cpu_times()
        total += times.user + times.system
    return total


def run(service: Any, request: Request) -> tuple[float, float, np.ndarray]:
    """Seconds, seconds of the processor, and labels."""
    ended, labels, ends = threading.Event(), [], []

    def listen(event: Any) -> None:
        if isinstance(event, FramesDone):
            labels.append(event.labels)
        elif isinstance(event, Succeeded | Stopped | Failed):
            ends.append(event)
            ended.set()

    cpu, start = cpu_seconds([service]), time.perf_counter()
    service.submit(request, listen)
    ended.wait()
    seconds = time.perf_counter() - start
    assert isinstance(ends[0], Succeeded), ends
    return seconds, cpu_seconds([service]) - cpu, np.concatenate(labels)


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    inside, child = InProcessService(), ChildProcessService()
    known = []
    for service in (inside, child):
        ready = threading.Event()
        service.prepare(lambda told, ready=ready: (known.append(told), ready.set()))
        ready.wait()
    lines, worst = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        clip = read_image(sample_path("echo"))
        cases = {
            "clip, 12 frames of 320 x 240, vivim-echo-demo": Request(
                clip, load_model("vivim-echo-demo"), "cpu", Options(frames=range(12))
            ),
            "volume, 4 x 64 x 96 x 96 float32, windows of 64^3": volume_request(Path(folder)),
        }
        for name, request in cases.items():
            for service in (inside, child):
                run(service, request)
            pairs = []
            for number in range(rounds):
                order = (inside, child) if number % 2 else (child, inside)
                results = {service: run(service, request) for service in order}
                a, b = results[inside], results[child]
                if not np.array_equal(a[2], b[2]):
                    print(f"{name}: the labels differ")
                    return 1
                pairs.append((a[0], b[0], a[1], b[1]))
                print(name, *(f"{figure:.2f}" for figure in pairs[-1]), flush=True)
            inside_s, child_s = (median(pair[one] for pair in pairs) for one in (0, 1))
            wall = median(pair[1] / pair[0] for pair in pairs)
            cpu = median(pair[3] / pair[2] for pair in pairs)
            worst = max(worst, 100 * (wall - 1))
            lines.append([name, f"{inside_s:.2f}", f"{child_s:.2f}", f"{wall:.3f}", f"{cpu:.3f}"])
    inside.close()
    child.close()
    header = ["", "in this process (s)", "child (s)", "child / this", "the same, CPU seconds"]
    text = f"""Medians of {rounds} pairs of runs, each pair one after the other and the first of them
in turn, for the machine has other work; its load at the end {os.getloadavg()[0]:.1f}. The labels
are equal bit for bit. The limit is {LIMIT_PERCENT:.0f} %.

{table(header, lines)}"""
    record("A process of its own", f"python benchmarks/service.py {rounds}", text)
    return int(worst > LIMIT_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
