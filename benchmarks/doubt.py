"""Whether doubt finds the frames, pictures and slices that went wrong.

    python benchmarks/doubt.py SHARED [--models FOLDER]

SHARED/data holds labelled images. Where no model for them is shipped, one is trained here on
cases that are not scored: small networks, so that there is something to find. With --models they
are kept in FOLDER, and found there the next time. The scores were put together on the film and the
stills with other models than these; polyps and hippocampi were not looked at before.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from doubt_models import HIPPOCAMPUS, POLYPS, image_and_mask, stems, train
from record import record, table
from scipy.stats import spearmanr
from thyroid_film import thyroid_film

from mambaseg.corrections import Store
from mambaseg.data import read_drawn_labels, read_image, sample_path
from mambaseg.inference import Doubt, Engine, Finished, Options
from mambaseg.inference.doubt_meter import DoubtMeter
from mambaseg.training import FineTuningConfig, finetune
from mambaseg.training.labelled_set import OpenSet
from mambaseg.types import LabelSet, MedicalImage, Segmentation
from mambaseg.types.training_data import LabelledSet
from mambaseg.zoo import load_model

ROOT = Path(__file__).parents[1]
ECHO = "vivim-echo-demo"
NERVES = "vivim-nerve-vessel"
VERIFIED = {"2 frames": ((10, 80), 5.0), "5 frames": ((3, 24, 45, 66, 87), 6.0)}
"""With the minutes of fine-tuning."""
STEPS = 400
PICTURES, TRAINED_PICTURES, VOLUMES, TRAINED_VOLUMES = 100, 400, 40, 100


class Run(NamedTuple):
    """Scores and Dice of each frame or slice of one case, and the order to look at them."""

    scores: np.ndarray
    dice: np.ndarray
    ranked: list[int]


def dice_of(found: np.ndarray, true: np.ndarray, classes: Iterable[int]) -> float:
    """Mean over the classes that either has; 1 where none is there."""
    values = []
    for value in classes:
        a, b = found == value, true == value
        if size := a.sum() + b.sum():
            values.append(2 * (a & b).sum() / size)
    return float(np.mean(values)) if values else 1.0


def run(
    engine: Engine, image: MedicalImage, true: np.ndarray, model: Any, classes: Any, **options: Any
) -> Run:
    *_, end = engine.stream(image, model, Options(**options))
    assert isinstance(end, Finished)
    doubt = end.doubt
    assert isinstance(doubt, Doubt)
    labels = np.asarray(end.segmentation.labels)
    labels, true = (x[None] if x.ndim == 2 else x for x in (labels, true))
    known = [i for i, score in enumerate(doubt.scores) if np.isfinite(score)]
    dice = np.array([dice_of(labels[i], true[i], classes) for i in known])
    ranked = [known.index(i - doubt.first) for i in doubt.ranked()]
    return Run(doubt.scores[known], dice, ranked)


def within(runs: list[Run], part: float) -> list[str]:
    """Of films and volumes: figures within each, meaned over them."""
    rhos = [spearmanr(r.scores, 1 - r.dice).statistic for r in runs]
    first = [r.dice[r.ranked[: max(1, round(part * len(r.dice)))]].mean() for r in runs]
    all_ = [r.dice.mean() for r in runs]
    n = sum(len(r.dice) for r in runs)
    return [str(n), *(f"{np.nanmean(x):.2f}" for x in (rhos, first, all_)), by_chance(runs, part)]


def by_chance(runs: list[Run], part: float, rounds: int = 2000) -> str:
    """How often as many frames by chance are as bad as those by doubt."""
    random = np.random.default_rng(0)
    counts = [max(1, round(part * len(r.dice))) for r in runs]
    found = np.mean(
        [r.dice[r.ranked[:count]].mean() for r, count in zip(runs, counts, strict=True)]
    )
    drawn = [
        np.mean(
            [
                random.choice(r.dice, count, replace=False).mean()
                for r, count in zip(runs, counts, strict=True)
            ]
        )
        for _ in range(rounds)
    ]
    return f"{np.mean(np.array(drawn) <= found):.3f}"


def between(runs: list[Run], part: float) -> list[str]:
    """Of pictures, which are cases of their own: figures over all of them."""
    scores, dice = (np.concatenate([getattr(r, name) for r in runs]) for name in ("scores", "dice"))
    return within([Run(scores, dice, [int(i) for i in np.argsort(-scores)])], part)


def film(shared: Path, home: Path, engine: Engine) -> list[list[str]]:
    """The thyroid film by the shipped model, and fine-tuned on some of its frames."""
    image, true = thyroid_film(shared)
    labels = LabelSet.from_names(load_model(NERVES).recipe.labels)
    masks = Segmentation(true.astype(np.uint8), "TYX", labels, image.geometry)
    true = true.astype(np.uint8)
    rows = [
        ["thyroid film, model of nerves", *within([run(engine, image, true, NERVES, [1])], 0.1)]
    ]
    for name, (verified, minutes) in VERIFIED.items():
        tuned = home / f"film-{len(verified)}"
        model = tuned / "run" / "model.safetensors"
        if not model.is_file():
            store = Store(tuned / "Dataset501_film")
            store.verify(image, masks, verified)
            config = FineTuningConfig(model=NERVES, data=str(store.path), minutes=minutes)
            finetune(config, tuned / "run")
        found = run(engine, image, true, model, [1], skip=frozenset(verified))
        rows.append([f"the same, fine-tuned on {name}, the others", *within([found], 0.1)])
    return rows


def echo(engine: Engine) -> list[list[str]]:
    """The sample clip by the model that learned two thirds of it, also with frames spoiled."""
    drawn = read_drawn_labels(ROOT / "sample_data" / "echo_left_ventricle.json")
    true = np.stack([drawn.mask(i) for i in range(30)])
    image = read_image(sample_path("echo"))
    whole = np.asarray(image.array[:])
    names = image.channel_names
    clean = MedicalImage(whole, "CTYX", image.geometry, names)
    rows = [["echo clip, demonstration model", *within([run(engine, clean, true, ECHO, [1])], 0.1)]]
    spoiled = []
    for seed in range(100, 108):
        random = np.random.default_rng(seed)
        array = whole.astype(np.float32)
        for frame in random.choice(30, 6, replace=False):
            kind = random.integers(3)
            if kind == 0:  # dark
                array[:, frame] *= random.uniform(0.2, 0.5)
            elif kind == 1:  # noisy
                array[:, frame] += random.normal(0, random.uniform(30, 80), array[:, frame].shape)
            else:  # shaken
                array[:, frame] = (array[:, frame] + np.roll(array[:, frame], 25, 2)) / 2
        array = np.clip(array, 0, 255).astype(np.uint8)
        clip = MedicalImage(array, "CTYX", image.geometry, names)
        spoiled.append(run(engine, clip, true, ECHO, [1]))
    rows.append(["8 times the same, 6 frames spoiled", *within(spoiled, 0.1)])
    return rows


def stills(shared: Path, engine: Engine) -> list[str]:
    model = load_model(NERVES)
    data = shared / "data" / "usgra_seg"
    entry = LabelledSet(path=str(data / "images"), masks=str(data / "masks"), look_alike=0.8)
    opened = OpenSet.open(entry, model.recipe, Path("/"), 0)
    runs = [
        run(engine, one.image, np.asarray(one.reference.labels), model, model.recipe.labels)
        for one in opened.scored()
    ]
    return ["held-out stills, model of nerves", *between(runs, 0.2)]


def trained(shared: Path, home: Path, engine: Engine) -> list[list[str]]:
    folder = shared / "data" / "kvasir_seg_352"
    file = home / "polyps.safetensors"
    if not file.is_file():
        cases = stems(folder / "train")[:TRAINED_PICTURES]
        train("polyps", POLYPS, folder / "train", cases, home, STEPS)
    cases = [image_and_mask(folder / "validation", s) for s in stems(folder / "validation")]
    runs = [run(engine, image, mask, file, [1]) for image, mask in cases[:PICTURES]]
    rows = [["polyps, a network of 400 steps", *between(runs, 0.1)]]
    folder = shared / "data" / "msd_hippocampus"
    file = home / "hippocampus.safetensors"
    names = stems(folder)
    if not file.is_file():
        train("hippocampus", HIPPOCAMPUS, folder, names[:TRAINED_VOLUMES], home, STEPS)
    held_out = names[TRAINED_VOLUMES : TRAINED_VOLUMES + VOLUMES]
    runs = [run(engine, *image_and_mask(folder, name), file, [1, 2]) for name in held_out]
    rows.append(["hippocampi, a network of 400 steps, slices", *within(runs, 0.1)])
    return rows


def cost(engine: Engine) -> float:
    """Part of a run's time that the measuring takes."""
    image, took = read_image(sample_path("echo")), [0.0]
    add, compare = DoubtMeter.add, DoubtMeter.compare

    def timed(function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            begun = time.perf_counter()
            function(*arguments)
            took[0] += time.perf_counter() - begun

        return call

    engine.segment(image, ECHO)
    DoubtMeter.add, DoubtMeter.compare = timed(add), timed(compare)
    parts = []
    for _ in range(5):
        took[0], begun = 0.0, time.perf_counter()
        engine.segment(image, ECHO)
        parts.append(took[0] / (time.perf_counter() - begun))
    DoubtMeter.add, DoubtMeter.compare = add, compare
    return statistics.median(parts)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--models", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    engine = Engine("cpu")
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.models or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        rows = [
            *film(arguments.shared, home, engine),
            *echo(engine),
            stills(arguments.shared, engine),
            *trained(arguments.shared, home, engine),
        ]
        part = cost(engine)
    record(
        "Doubt against Dice",
        "python benchmarks/doubt.py SHARED",
        f"""Spearman's correlation of a frame's score with 1 - Dice, and the mean Dice of the frames
to look at first (a tenth, of the stills a fifth) beside that of all, which is what a random order
gives; "by chance" is how often as many random frames are as bad. Films and volumes: within each,
meaned over them. Frames that were verified are not scored. Measuring takes {100 * part:.1f} % of
the time of `{ECHO}` on the sample clip (limit 3 %).

"""
        + table(["", "frames", "correlation", "Dice, first", "Dice, all", "by chance"], rows)
        + """

One film and one clip say little: their frames are alike, so that the correlation stands on
few independent ones. On the clean echo clip every frame is good (Dice 0.91 at least), so there is
nothing to find. The parts and their sum were chosen on the film, the echo clip and the
stills; polyps and hippocampi were measured afterwards, and one thing was decided by the latter:
neighbouring windows over a volume agree best where slices are worst (correlation -0.28 on 20
hippocampi), so that their disagreement is left out there.""",
    )


if __name__ == "__main__":
    main()
