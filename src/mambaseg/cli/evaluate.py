"""Compare masks with reference masks, class by class and frame by frame."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument(
        "prediction", type=Path, help="masks as .nrrd, .nii, .nii.gz or a folder of PNG files"
    )
    parser.add_argument(
        "reference", type=Path, help="true masks of the same image; what they ignore does not count"
    )
    parser.add_argument("--csv", type=Path, help="write every value to this CSV file")
    parser.add_argument("--report", type=Path, help="write every value to this JSON file")


def run(arguments: argparse.Namespace) -> None:
    """Print the means over frames, and write the rows."""
    import json
    from collections import defaultdict
    from dataclasses import asdict
    from statistics import mean

    from mambaseg.cli.masks import read_masks
    from mambaseg.data import read_segmentation
    from mambaseg.files import write_whole
    from mambaseg.metrics import evaluate, write_csv
    from mambaseg.types.errors import UnsupportedImageError

    prediction = read_segmentation(arguments.prediction)
    reference = read_masks(arguments.reference, prediction.axes)
    rows = evaluate(prediction, reference)
    if not rows:
        raise UnsupportedImageError(
            f"{arguments.reference} has no annotated frame to compare with: verify some first."
        )
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        values[row.class_name, row.measure].append(row.value)
    for (class_name, measure), found in values.items():
        frames = f" over {len(found)} frames" if rows[0].frame is not None else ""
        print(f"{class_name}: {measure} {mean(found):.4f}{frames}")
    if arguments.csv is not None:
        write_csv(rows, arguments.csv)
        print(f"wrote {arguments.csv}")
    if arguments.report is not None:
        record = {
            "format_version": 1,
            "prediction": str(arguments.prediction),
            "reference": str(arguments.reference),
            "rows": [asdict(row) for row in rows],
        }
        with write_whole(arguments.report) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {arguments.report}")
