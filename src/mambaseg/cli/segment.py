"""Segment a clip, image or volume and write masks and overlays."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mambaseg.cli.choices import add_choices

if TYPE_CHECKING:
    from mambaseg.types.trained_model import TrainedModel

__all__ = ["add_arguments", "run"]


def channel(text: str) -> tuple[str, Path]:
    """Parse "NAME=FILE"."""
    name, separator, file = text.partition("=")
    if not (name and separator and file):
        raise argparse.ArgumentTypeError(f"{text!r} is no channel; write for example t1=brain.nii")
    return name, Path(file)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument(
        "image",
        type=Path,
        nargs="*",
        help="a film (mp4, avi, mpeg), a folder of numbered frames, a DICOM file, a picture or a "
        "volume; or one file for each channel of the model, told apart by their names",
    )
    parser.add_argument(
        "--channel",
        action="append",
        type=channel,
        default=[],
        metavar="NAME=FILE",
        help="the file of one channel of the model; again for each",
    )
    parser.add_argument(
        "--resample",
        action="store_true",
        help="bring slices that lie unevenly to even ones, and channels onto the first one's grid",
    )
    parser.add_argument(
        "-m",
        "--model",
        help="a name from `mambaseg models`, or a .safetensors file (default: the fine-tuned model "
        "that is the default there)",
    )
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="do the run again whose record --report wrote: the same model, options and settings",
    )
    add_choices(parser)
    add_output_arguments(parser)


def add_output_arguments(
    parser: argparse.ArgumentParser,
    *,
    output: Path | None = None,
    masks: tuple[str, ...] = ("nrrd",),
    overlay: tuple[str, ...] = (),
    scale: int = 1,
) -> None:
    """Define where and in what form results go, with a command's own defaults."""
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=output,
        required=output is None,
        help="folder for the results, made if needed",
    )
    parser.add_argument(
        "--masks",
        nargs="+",
        choices=["nrrd", "nifti", "mha", "tiff", "png", "dicom-seg"],
        default=masks,
        help=f"formats of the masks (default: {' '.join(masks)})",
    )
    parser.add_argument(
        "--overlay",
        nargs="+",
        choices=["mp4", "gif", "png"],
        default=overlay,
        help=f"formats of the overlays (default: {' '.join(overlay) or 'none'})",
    )
    parser.add_argument(
        "--style", choices=["fill", "contour"], default="fill", help="look of the overlays"
    )
    parser.add_argument(
        "--opacity", type=float, default=0.4, help="of a filled overlay, 0 to 1 (default: 0.4)"
    )
    parser.add_argument("--no-legend", action="store_true", help="leave the legend out of overlays")
    parser.add_argument(
        "--keep-surroundings",
        action="store_true",
        help="leave what surrounds a DICOM ultrasound picture in overlays, where text about the "
        "patient may stand",
    )
    parser.add_argument(
        "--patient",
        action="store_true",
        help="name the patient in a DICOM SEG as its series does, so that archives file it",
    )
    parser.add_argument(
        "--scale",
        type=int,
        default=scale,
        help=f"enlarge overlays by a whole number (default: {scale})",
    )
    parser.add_argument(
        "--device",
        default="auto",
        help='"auto", "cpu", "cuda", "cuda:1", "xpu", "mps" (default: auto)',
    )
    parser.add_argument(
        "--report",
        type=Path,
        help="write a record of the run to this JSON file, which --replay takes",
    )


def run(arguments: argparse.Namespace) -> None:
    """Segment one image."""
    from mambaseg.cli.choices import chosen
    from mambaseg.cli.job import SegmentationJob
    from mambaseg.cli.replay import replay
    from mambaseg.types.errors import InvalidOptionError
    from mambaseg.zoo import load_model

    channels = dict(arguments.channel)
    if len(channels) < len(arguments.channel):
        raise InvalidOptionError("Two files were given with --channel for the same one: leave one.")
    job = SegmentationJob.from_arguments(arguments)
    if arguments.replay is not None:
        replay(job, arguments, channels)
        return
    model = load_model(arguments.model) if arguments.model else _default()
    options = chosen(arguments, model.recipe)
    job.run(arguments.image, model, options, channels, resample=arguments.resample)


def _default() -> TrainedModel:
    from mambaseg.types.errors import InvalidOptionError
    from mambaseg.zoo import default_models

    models = default_models()
    if not models:
        raise InvalidOptionError(
            "No model was named: give one with --model; `mambaseg models` lists them."
        )
    print(f"no model was named: {models[0].name}, the default, is taken")
    return models[0]
