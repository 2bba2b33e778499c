"""Scores of shipped models on the cases that were held out of their training.

    MAMBASEG_TEST_DATA=FOLDER python benchmarks/shipped_scores.py [MODEL ...]

FOLDER/data holds the data sets under the names that the configurations in sample_data/ give them.
Each case is segmented by the shipped model as `mambaseg segment` does, its mask written to a file,
and all are measured by `mambaseg evaluate`; the model's card should say the same.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from record import record, table

from mambaseg.data import read_image, write_segmentation
from mambaseg.inference import Engine, Options
from mambaseg.metrics import MeasureOptions, summarize
from mambaseg.session.comparing import FileComparison, compare_files
from mambaseg.training import read_config
from mambaseg.training.sources import Sources

MODELS = (
    "segmamba-hippocampus",
    "log_vmamba_3d-hippocampus",
    "vm_unet_v2-nerve-vessel",
    "log_vmamba_2d-nerve-vessel",
    "vivim-nerve-vessel",
)
CONFIGS = Path(__file__).parents[1] / "sample_data"
HEADER = ["model", "class", "n", "Dice", "95 % interval"]


def measured(name: str, data: Path) -> list[list[str]]:
    """Segment a model's held-out cases, and give a line of the table for each class."""
    config = read_config(CONFIGS / f"{name}.yaml")
    dataset = Sources(config, data).opened[0].dataset
    held_out = set(Sources(config, data).held_out)
    engine = Engine("cpu")
    with tempfile.TemporaryDirectory() as folder:
        found, true = Path(folder, "found"), Path(folder, "true")
        found.mkdir()
        true.mkdir()
        for case in (case for case in dataset.cases if case.name in held_out):
            reference = Path(case.labels)
            shutil.copy(reference, true / reference.name)
            mask = engine.segment(read_image(case.images[0]), name, Options(precision="float32"))
            # A PNG is read as any mask, but a mask is written with its geometry.
            name_there = reference.name if mask.axes == "ZYX" else f"{reference.stem}.nrrd"
            write_segmentation(mask, found / name_there)
        options = MeasureOptions(measures=("Dice",))
        names = dict(config.recipe.labels)
        rows = compare_files(FileComparison({name: found}, true, options, names=names)).rows[name]
    return [
        [name, one.class_name, str(one.n), f"{one.mean:.4f}", f"{one.low:.3f} to {one.high:.3f}"]
        for one in summarize(rows)
        if one.measure == "Dice" and one.class_name in names.values()
    ]


def main() -> None:
    chosen = sys.argv[1:] or MODELS
    data = Path(os.environ["MAMBASEG_TEST_DATA"]) / "data"
    record(
        "Shipped models on held-out cases",
        "python benchmarks/shipped_scores.py",
        "In float32, one seed; intervals by bootstrap over cases.\n\n"
        + table(HEADER, [line for name in chosen for line in measured(name, data)]),
    )


if __name__ == "__main__":
    main()
