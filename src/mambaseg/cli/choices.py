"""What a user chooses for one segmentation, from words to Options."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mambaseg.inference import Options
    from mambaseg.types.recipe import Recipe

__all__ = ["add_choices", "chosen", "is_anything_chosen"]

_CHOICES: dict[str, Any] = {
    "frames": None,
    "skip": frozenset(),
    "box": None,
    "clip_overlap": None,
    "mirror": None,
    "by_slice": False,
    "precision": None,
    "threshold": [],
    "median": None,
    "fill_holes": None,
    "largest": None,
    "min_size": None,
    "no_postprocessing": False,
}
"""Each with what stands for no choice."""
_MOST_FRAMES = 10_000_000
"""Days of film: more fill the memory before they are found not to be there."""


def frame_range(text: str) -> range:
    """Parse "A:B" as the frames A to B, B left out."""
    start, separator, stop = text.partition(":")
    try:
        frames = range(int(start or 0), int(stop))
    except ValueError:
        frames = range(0)
    if not separator or not 0 <= frames.start < frames.stop <= _MOST_FRAMES:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of frames; write for example 10:40")
    return frames


def frame_set(text: str) -> frozenset[int]:
    """Parse "3,10:14" as the frames 3, 10, 11, 12 and 13."""
    frames: set[int] = set()
    for part in map(str.strip, text.split(",")):
        try:
            some = range(int(part), int(part) + 1) if part.isdecimal() else frame_range(part)
        except argparse.ArgumentTypeError:
            some = range(0)
        if not some:
            raise argparse.ArgumentTypeError(
                f"{text!r} names no frames of a clip; write for example 3,10:14"
            )
        frames.update(some)
    return frozenset(frames)


def box(text: str) -> tuple[slice, ...]:
    """Parse "20:180,40:200" as rows and columns, or slices, rows and columns."""
    sides = re.findall(r"(\d+):(\d+)(?:,|$)", text.replace(" ", ""))
    found = tuple(slice(int(start), int(stop)) for start, stop in sides)
    if len(found) not in (2, 3) or len(found) != text.count(":") or text.count(",") >= len(found):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no box; write for example 20:180,40:200 for rows and columns, or "
            "10:60,20:180,40:200 for slices, rows and columns"
        )
    return found


def threshold(text: str) -> tuple[str, float]:
    """Parse "NAME=VALUE"."""
    name, _, value = text.rpartition("=")
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not name or not 0 < found < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no threshold; write a class and a value between 0 and 1, for example "
            "tumour=0.3"
        )
    return name, found


def size(text: str) -> dict[str, Any]:
    """Parse "20mm2" or "0.5 ml"."""
    parts = re.fullmatch(r"\s*([0-9.]+)\s*(pixels|voxels|mm2|ml)\s*", text)
    try:
        value = float(parts[1]) if parts else 0.0
    except ValueError:
        value = 0.0
    if not parts or value <= 0:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size; write for example 50mm2 or 200pixels, and 0.5ml or 100voxels "
            "for volumes"
        )
    return {"value": value, "unit": parts[2]}


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Define what may be chosen; with none of it a model's own settings are followed."""
    what = parser.add_argument_group("what is segmented")
    what.add_argument("--frames", type=frame_range, help="frames A to B (left out) only: A:B")
    what.add_argument(
        "--skip",
        type=frame_set,
        default=frozenset(),
        metavar="FRAMES",
        help="frames to leave out, for example those that you have verified: 3,10:14",
    )
    what.add_argument(
        "--box",
        type=box,
        help="rows and columns (of a volume slices, rows and columns) outside of which all is "
        "background: 20:180,40:200",
    )
    what.add_argument(
        "--clip-overlap", type=int, help="frames that successive clips share (default: the model's)"
    )
    what.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="average what the network sees with its mirror images, in four passes, or eight for a "
        "volume (default: the model's)",
    )
    what.add_argument(
        "--by-slice",
        action="store_true",
        help="have a model for pictures segment a volume, one slice after another",
    )
    what.add_argument(
        "--precision",
        choices=["float32", "bfloat16"],
        help="of the network's products (default: bfloat16 where the device computes it)",
    )
    after = parser.add_argument_group("what is done to the masks then (default: the model's)")
    after.add_argument(
        "--threshold",
        action="append",
        type=threshold,
        default=[],
        metavar="CLASS=VALUE",
        help="least probability of a class, or of a region where the model has them; again for "
        "each",
    )
    after.add_argument(
        "--median",
        type=int,
        metavar="FRAMES",
        help="give each pixel of a film what it is in most of an odd number of frames",
    )
    after.add_argument(
        "--fill-holes", nargs="*", metavar="CLASS", help="fill holes, in all or in some classes"
    )
    after.add_argument(
        "--largest",
        nargs="*",
        metavar="CLASS",
        help="keep the largest piece only, of all or of some classes",
    )
    after.add_argument(
        "--min-size",
        type=size,
        metavar="SIZE",
        help="drop smaller pieces: 50mm2 or 200pixels, of volumes 0.5ml or 100voxels",
    )
    after.add_argument(
        "--no-postprocessing", action="store_true", help="do nothing of what the model wants then"
    )


def is_anything_chosen(arguments: argparse.Namespace) -> bool:
    """Whether any option of `add_choices` was given."""
    return any(getattr(arguments, name) != default for name, default in _CHOICES.items())


def chosen(arguments: argparse.Namespace, recipe: Recipe) -> Options:
    """Make Options of what was given; post-processing changes the Recipe's where it was.

    Raises
    ------
    InvalidOptionError
        If a rule about the masks is not possible.
    """
    from pydantic import ValidationError

    from mambaseg.inference import Options
    from mambaseg.types.errors import InvalidOptionError
    from mambaseg.types.postprocessing import PostProcessing

    rules = {} if arguments.no_postprocessing else recipe.postprocessing.model_dump()
    given: dict[str, Any] = {
        "temporal_median": arguments.median,
        "fill_holes": _classes(arguments.fill_holes),
        "largest_component": _classes(arguments.largest),
        "minimum_size": arguments.min_size,
    }
    rules.update({name: value for name, value in given.items() if value is not None})
    if arguments.threshold:
        rules["thresholds"] = {**rules.get("thresholds", {}), **dict(arguments.threshold)}
    try:
        postprocessing = PostProcessing.model_validate(rules)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InvalidOptionError(f"This post-processing is not possible: {said}.") from error
    return Options(
        frames=arguments.frames,
        skip=arguments.skip,
        box=arguments.box,
        clip_overlap=arguments.clip_overlap,
        mirror=arguments.mirror,
        by_slice=arguments.by_slice,
        precision=arguments.precision,
        postprocessing=postprocessing,
    )


def _classes(names: list[str] | None) -> bool | tuple[str, ...] | None:
    return None if names is None else tuple(names) or True
