"""Segment the sample echocardiogram, and show it where there is a display."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path

from mambaseg.cli.segment import add_output_arguments

__all__ = ["add_arguments", "run"]

_MODEL = "vivim-echo-demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    add_output_arguments(
        parser,
        output=Path("mambaseg-demo"),
        masks=("nrrd", "nifti"),
        overlay=("png", "mp4"),
        scale=2,
    )
    parser.add_argument("--no-viewer", action="store_true", help="do not open napari")


def run(arguments: argparse.Namespace) -> None:
    """Run the demonstration."""
    from mambaseg.cli.job import SegmentationJob
    from mambaseg.data import sample_path
    from mambaseg.zoo import load_model

    model = load_model(_MODEL)
    card = model.card
    print(f"{_MODEL}: {card.description}\n{card.intended_use}")
    for name, value in card.scores.items():
        print(f"{name}: {value:.3f}")
    job = SegmentationJob.from_arguments(arguments)
    done = job.run([sample_path("echo")], model)
    if not arguments.no_viewer and _can_show():
        from mambaseg.plugin.show import show

        show(done.image, done.segmentation)


def _can_show() -> bool:
    """Whether there is a display, and napari to open on it."""
    display = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return display and importlib.util.find_spec("napari") is not None
