"""Time of all measures beside MONAI's own, and of a film's.

    python benchmarks/metrics.py

One thread. The volume's reference is the tumour of a BraTS case where MAMBASEG_TEST_DATA
names a folder that has it, else a tumour made of balls; the prediction is the reference with
its edges moved by smooth noise. Ends with 1 when over a limit.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.metrics import DiceMetric, HausdorffDistanceMetric, SurfaceDiceMetric
from numpy.typing import NDArray
from record import record, table
from scipy.ndimage import gaussian_filter

from mambaseg.data import read_segmentation
from mambaseg.metrics import MEASURES, MeasureOptions, evaluate
from mambaseg.types import Geometry, LabelSet, Segmentation

RUNS = 7
CASE = "data/brats2021_00006/BraTS2021_00006_seg.nii.gz"
LIMIT_RATIO, LIMIT_S = 1.0, 5.0
THREE = LabelSet.from_names({1: "core", 2: "oedema", 4: "enhancing"})
ALL = tuple(MEASURES)
FILM = (300, 600, 800)


def tumour() -> tuple[str, NDArray[np.uint8]]:
    folder = os.environ.get("MAMBASEG_TEST_DATA")
    if folder and (Path(folder) / CASE).exists():
        labels = np.asarray(read_segmentation(Path(folder) / CASE).labels)
        return "BraTS2021_00006's tumour", labels
    z, y, x = np.ogrid[:155, :240, :240]
    labels = np.zeros((155, 240, 240), np.uint8)
    for value, radius in ((2, 32), (4, 22), (1, 15)):
        labels[(z - 80) ** 2 + (y - 130) ** 2 + (x - 90) ** 2 < radius**2] = value
    return "a tumour of three balls", labels


def wobbled(labels: NDArray[np.uint8], size: float, smooth: float) -> NDArray[np.uint8]:
    """Labels taken from places that are off by smooth noise of `size` elements."""
    random = np.random.default_rng(0)
    places = []
    for axis, length in enumerate(labels.shape):
        noise = gaussian_filter(random.standard_normal(labels.shape).astype(np.float32), smooth)
        shape = [length if a == axis else 1 for a in range(labels.ndim)]
        moved = np.arange(length).reshape(shape) + noise * (size / noise.std())
        places.append(np.clip(np.rint(moved), 0, length - 1).astype(int))
    return labels[tuple(places)]


def medians(functions: dict[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Seconds of each, measured in turns."""
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(runs):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def one_hot(labels: NDArray[np.uint8]) -> torch.Tensor:
    values = (0, *THREE.names)
    return torch.from_numpy(np.stack([labels == value for value in values])[None])


def volume() -> tuple[str, float]:
    name, true = tumour()
    found = wobbled(true, 1.5, 6)
    spacing = (1.0, 1.0, 1.0)
    masks = [Segmentation(m, "ZYX", THREE, Geometry(spacing)) for m in (found, true)]
    pair = [one_hot(m) for m in (found, true)]
    hd95, nsd, dice = (
        HausdorffDistanceMetric(percentile=95),
        SurfaceDiceMetric([2.0] * 3),
        DiceMetric(include_background=False),
    )

    def monai() -> None:
        for metric in (hd95, nsd):
            metric(*pair, spacing=spacing)
        dice(*pair)

    def monai_from_labels() -> None:
        turned = [one_hot(m) for m in (found, true)]
        for metric in (hd95, nsd):
            metric(*turned, spacing=spacing)
        dice(*turned)

    taken = medians(
        {
            "all": lambda: evaluate(*masks, options=MeasureOptions(ALL)),
            "same": lambda: evaluate(*masks, options=MeasureOptions(["HD95", "NSD", "Dice"])),
            "monai": monai,
            "monai, from labels": monai_from_labels,
        },
        RUNS,
    )
    ratio = taken["all"] / taken["monai"]
    rows = [
        ["mambaseg, every measure", f"{taken['all']:.3f}", f"{ratio:.2f}"],
        ["mambaseg, those three", f"{taken['same']:.3f}", f"{taken['same'] / taken['monai']:.2f}"],
        ["MONAI, those three, one-hot masks given", f"{taken['monai']:.3f}", "1"],
        [
            "MONAI, those three, from labels",
            f"{taken['monai, from labels']:.3f}",
            f"{taken['monai, from labels'] / taken['monai']:.2f}",
        ],
    ]
    text = (
        f"A volume of 240 x 240 x 155 with 3 classes ({name} against itself with its edges moved "
        f"by 1.5 voxels), one thread, medians of {RUNS}, in turns. Those three: "
        "HausdorffDistanceMetric at 95 %, SurfaceDiceMetric and DiceMetric. The limit of the "
        f"first line is {LIMIT_RATIO} x MONAI.\n\n"
    )
    return text + table(["", "s", "x MONAI"], rows), ratio


def film() -> tuple[str, float]:
    n_frames, height, width = FILM
    y, x = np.mgrid[:height, :width]
    true = np.zeros(FILM, np.uint8)
    for t in range(n_frames):
        beat = 130 + 25 * np.sin(t / 8)
        true[t] = (((y - 300) / beat) ** 2 + ((x - 380 - t / 3) / (1.3 * beat)) ** 2 < 1) * 1
    edge = wobbled(true[0], 3, 12)
    found = np.where(np.roll(true, 2, axis=1) | (edge & ~true), 1, 0).astype(np.uint8)
    one = LabelSet.from_names({1: "left ventricle"})
    masks = [Segmentation(m, "TYX", one, Geometry((0.3, 0.3))) for m in (found, true)]
    options = MeasureOptions(ALL, levels=("frame", "case"))
    seconds = medians({"film": lambda: evaluate(*masks, options=options)}, 3)["film"]
    return (
        f"A film of {n_frames} frames of {height} x {width}, one class that fills a fifth of the "
        f"picture, every measure of every frame and of the clip: {seconds:.2f} s, the limit is "
        f"{LIMIT_S:g} s."
    ), seconds


def main() -> int:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    of_volume, ratio = volume()
    of_film, seconds = film()
    record("Measures", "python benchmarks/metrics.py", f"{of_volume}\n\n{of_film}")
    return int(ratio > LIMIT_RATIO or seconds > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
