"""Compare masks with reference masks: a file, or a folder of them; one model, or two."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambaseg.session.comparing import Compared

__all__ = ["add_arguments", "run"]

_PRINTED = ("Dice", "Jaccard", "Precision", "Recall", "HD95", "ASSD", "NSD", "mIoU")
_OF_OBJECTS = ("Instance Dice", "Instance IoU", "F1 at 0.5")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    masks = ".nrrd, .nii, .nii.gz, an indexed .png, a folder that mambaseg wrote, or a folder of it"
    parser.add_argument("prediction", type=Path, help=f"masks: {masks}")
    parser.add_argument(
        "reference", type=Path, help="true masks of the same images; what they ignore is left out"
    )
    parser.add_argument(
        "--against", type=Path, metavar="PREDICTION", help="a second model's masks, to compare"
    )
    parser.add_argument(
        "--names", nargs="+", metavar="NAME", help="names of the models (default: of their folders)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        action="append",
        default=[],
        metavar="TABLE",
        help="write every value as .csv, .json or .parquet; may be given more than once",
    )
    parser.add_argument("--html", type=Path, help="write a report with plots and the worst cases")
    parser.add_argument("--images", type=Path, help="the images, for the report's pictures")
    parser.add_argument(
        "--measures", nargs="+", metavar="MEASURE", help="only these (default: all), as 'HD95'"
    )
    parser.add_argument(
        "--classes", nargs="+", type=_class_name, metavar="VALUE=NAME", help="names of the classes"
    )
    parser.add_argument("--only", nargs="+", metavar="CLASS", help="only these classes or regions")
    parser.add_argument("--brats", action="store_true", help="measure the regions WT, TC and ET")
    parser.add_argument(
        "--objects", action="store_true", help="the masks number objects, such as cells"
    )
    parser.add_argument("--slices", action="store_true", help="each slice of volumes as well")
    parser.add_argument(
        "--unit", choices=("mm", "px"), help="of distances (default: mm where it is known)"
    )
    parser.add_argument(
        "--tolerance", type=float, default=2.0, help="of NSD, in that unit (default: 2)"
    )
    parser.add_argument(
        "--resample", action="store_true", help="bring predictions onto the reference's grid"
    )


def _class_name(text: str) -> tuple[int, str]:
    """Parse "1=nodule"."""
    value, separator, name = text.partition("=")
    if not separator or not value.isdecimal() or not name:
        raise argparse.ArgumentTypeError(f"{text!r} names no class; write for example 1=nodule")
    return int(value), name


def run(arguments: argparse.Namespace) -> None:
    """Print the means over cases, and write the tables and the report."""
    from mambaseg.files import check_writable_file
    from mambaseg.metrics import MEASURES, MeasureOptions, check_table
    from mambaseg.session.comparing import FileComparison, compare_files, report_of

    for path in arguments.output:
        check_table(path)
    for path in (*arguments.output, *([arguments.html] if arguments.html else [])):
        check_writable_file(path)
    options = MeasureOptions(
        measures=arguments.measures or tuple(MEASURES),
        classes=tuple(arguments.only) if arguments.only else None,
        regions="brats" if arguments.brats else None,
        levels=("frame", "case") if arguments.slices else None,
        unit=arguments.unit,
        tolerance=arguments.tolerance,
        resample=arguments.resample,
    )
    request = FileComparison(
        _models(arguments),
        arguments.reference,
        options,
        arguments.images,
        dict(arguments.classes) if arguments.classes else None,
        arguments.objects,
    )
    compared = compare_files(request)
    for name in compared.rows:
        _print(compared, name)
    if len(compared.rows) == 2:
        _print_difference(compared)
    _write(compared, arguments.output)
    if arguments.html is not None:
        measured = [row.measure for row in next(iter(compared.rows.values()))]
        report_of(compared, arguments.html, "Dice" if "Dice" in measured else measured[0])
        print(f"wrote {arguments.html}")


def _models(arguments: argparse.Namespace) -> dict[str, Path]:
    from mambaseg.data import base_name
    from mambaseg.types.errors import InvalidOptionError

    paths = [path for path in (arguments.prediction, arguments.against) if path is not None]
    names = arguments.names or [base_name(path) for path in paths]
    if len(names) != len(paths):
        raise InvalidOptionError(
            f"{len(names)} names were given for {len(paths)} models: give one for each."
        )
    if unfit := [name for name in names if set(name) & set("/\\")]:
        raise InvalidOptionError(
            f"A model cannot be called {unfit[0]!r}, as tables are named by it: leave / and \\ out."
        )
    if len(set(names)) != len(names):
        raise InvalidOptionError(
            f"Both models are called {names[0]}: give them different names with --names."
        )
    return dict(zip(names, paths, strict=True))


def _print(compared: Compared, model: str) -> None:
    from mambaseg.metrics import summarize

    if len(compared.rows) == 2:
        print(f"{model}:")
    n_frames = len({(r.case, r.frame) for r in compared.rows[model] if r.frame is not None})
    for one in summarize(compared.rows[model]):
        if one.measure not in (_OF_OBJECTS if compared.request.objects else _PRINTED):
            continue
        unit = f" {one.unit}" if one.unit else ""
        spread = f" ({one.low:.4f} to {one.high:.4f})" if one.low == one.low else ""
        over = f" over {one.n} cases" if one.n > 1 else ""
        over = f" over {n_frames} frames" if one.n == 1 and n_frames else over
        print(f"{one.class_name}: {one.measure} {one.mean:.4f}{unit}{spread}{over}")


def _print_difference(compared: Compared) -> None:
    from mambaseg.metrics import compare

    first, second = compared.rows
    print(f"{first} minus {second}, with the 95 % interval:")
    for one in compare(*compared.rows.values()):
        if one.measure in (_OF_OBJECTS if compared.request.objects else _PRINTED):
            unit = f" {one.unit}" if one.unit else ""
            print(
                f"{one.class_name}: {one.measure} {one.difference:+.4f}{unit} "
                f"({one.low:+.4f} to {one.high:+.4f}); better on {one.first_better} of {one.n} "
                f"cases, worse on {one.second_better}"
            )


def _write(compared: Compared, outputs: list[Path]) -> None:
    from mambaseg.metrics import write_table

    request = compared.request
    several = len(compared.rows) > 1
    for output in outputs:
        for name, rows in compared.rows.items():
            path = output.with_stem(f"{output.stem}_{name}") if several else output
            about = {
                "prediction": str(request.models[name]),
                "reference": str(request.reference),
            }
            write_table(rows, path, about)
            print(f"wrote {path}")
