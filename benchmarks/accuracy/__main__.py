"""Our small networks and MONAI's of similar size, from scratch, for the same minutes.

    cd benchmarks
    OMP_NUM_THREADS=1 python -m accuracy SHARED WORK [--minutes 4] [--seeds 0] [--tasks ...]

SHARED/data holds the data sets that the .yaml files here name, WORK takes the runs. Within a task
data, split, augmentation, loss, optimizer, seed and thread are the same. So are the minutes: an
interleaved run measures what a step of each network takes, and each gets as many steps as fit, so
that other work on the machine favours nobody. The rate is the same for all, and tuned for none.

A run that was cut off goes on where it stood, and one that is done is not done again: results.json
holds what is known, the table in RESULTS.md is made of it, and cells without a run stay blank.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accuracy.peers import register_peers
from accuracy.speed import step_seconds
from accuracy.task import HERE, Task, task_names
from record import record, table

from mambaseg.files import write_whole
from mambaseg.metrics import mean_interval
from mambaseg.training import resume, train
from mambaseg.training.held_out import dice_rows
from mambaseg.training.run import Run
from mambaseg.training.sources import Sources
from mambaseg.zoo import load_network

RESULTS = HERE / "results.json"


def known() -> dict[str, Any]:
    return dict(json.loads(RESULTS.read_text(encoding="utf-8"))) if RESULTS.exists() else {}


def remember(key: str, found: Any) -> None:
    with write_whole(RESULTS) as temporary:
        text = json.dumps({**known(), key: found}, indent=1, sort_keys=True)
        temporary.write_text(text + "\n", encoding="utf-8")


def cell(task: Task, network: str, seed: int, steps: int, data: Path, work: Path) -> None:
    """Train and score one network, unless that is done."""
    key = f"{task.name}/{network}/{seed}"
    if known().get(key, {}).get("steps") == steps:
        return
    config = task.config(network, seed, steps)
    home = Run(work / f"{task.name}-{config.recipe.network}-{seed}-{steps}.run")
    if home.state_file.exists():
        model = resume(home.path, device="cpu")
    else:
        output = home.path.with_suffix(".safetensors")
        model = train(config, output, folder=data, run=home.path, device="cpu")
    trained = load_network(model)
    scored = Sources(config, data).scored()
    rows = dice_rows(trained, config.recipe, scored, torch.device("cpu"))
    values = {
        name: [row.value for row in rows if row.class_name == name]
        for name in config.recipe.labels.values()
    }
    weights = sum(weight.numel() for weight in trained.parameters())
    remember(key, {"steps": steps, "parameters": weights, "dice": values})
    print(key, steps, {name: round(float(np.mean(dice)), 3) for name, dice in values.items()})


def lines(task: Task) -> list[list[str]]:
    found, seconds = known(), known().get(f"{task.name}/step_seconds", {})
    classes = list(task.config(task.networks[0], 0, 1).recipe.labels.values())
    rows = []
    for network in task.networks:
        prefix = f"{task.name}/{network}/"
        runs = {
            key.removeprefix(prefix): run for key, run in found.items() if key.startswith(prefix)
        }
        row = [task.title, network, "", "", "", ", ".join(sorted(runs))]
        if network in seconds:
            row[3] = f"{seconds[network]:.3f}"
        for run in runs.values():
            row[2], row[4] = f"{run['parameters'] / 1e6:.2f}", str(run["steps"])
        scores = [_score([run["dice"][name] for run in runs.values()]) for name in classes]
        rows.append(
            [*row, "; ".join(f"{n} {s}" for n, s in zip(classes, scores, strict=True) if s)]
        )
    return rows


def _score(runs: list[list[float]]) -> str:
    if not runs:
        return ""
    low, high = mean_interval(np.concatenate([np.array(values) for values in runs]))
    return f"{np.mean([np.mean(values) for values in runs]):.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--tasks", nargs="+", default=task_names(), choices=task_names())
    chosen = parser.parse_args()
    data, work = (chosen.shared / "data").resolve(), chosen.work.resolve()
    register_peers()
    work.mkdir(parents=True, exist_ok=True)
    for seed in chosen.seeds:
        for task in map(Task.read, chosen.tasks):
            speeds = f"{task.name}/step_seconds"
            if speeds not in known():
                remember(speeds, step_seconds(task, data))
            for network, seconds in known()[speeds].items():
                cell(task, network, seed, round(60 * chosen.minutes / seconds), data, work)
                _write(chosen.minutes)


def _write(minutes: float) -> None:
    header = ["task", "network", "parameters / M", "s / step", "steps", "seeds",
              "Dice on held-out cases (95 % interval)"]  # fmt: skip
    rows = [line for name in task_names() for line in lines(Task.read(name))]
    record(
        "Accuracy from scratch beside MONAI's networks",
        "python -m accuracy SHARED WORK",
        f"{minutes:g} minutes of training on one thread for each network and seed, in float32; "
        "same data, split, augmentation, loss, optimizer and rate. Intervals by bootstrap over "
        "cases.\n\n" + table(header, rows),
    )


if __name__ == "__main__":
    main()
