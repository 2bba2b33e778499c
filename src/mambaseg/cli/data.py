"""Look at a data set before training: what it holds, and what does not fit together."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambaseg.data.datasets import DataSetReport

__all__ = ["add_arguments", "run"]

_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="cases, shapes, spacings, labels, missing pairs, and images on both sides of a split",
    )
    check.add_argument("folder", type=Path, help="a data set of any known layout")
    check.add_argument("--json", action="store_true", help="print all of it as JSON")
    check.add_argument("--debug", action="store_true", help="show tracebacks of errors")


def run(arguments: argparse.Namespace) -> None:
    """Check a data set; what is wrong is an error."""
    import json
    from dataclasses import asdict

    from mambaseg.data.datasets import check_dataset, open_dataset
    from mambaseg.types.errors import DataSetError

    report = check_dataset(open_dataset(arguments.folder))
    if arguments.json:
        print(json.dumps({"format_version": 1, **asdict(report)}, indent=2))
    else:
        _print(report)
    if report.problems:
        more = len(report.problems) - 1
        raise DataSetError(
            f"{arguments.folder}: {report.problems[0]}"
            + (f" ({more} more such sentence{'s' * (more > 1)} above)" if more else "")
            + ". Mend the data set before you train on it."
        )


def _print(report: DataSetReport) -> None:
    cases = report.cases
    print(f"{report.path}: {report.layout}, {len(cases)} cases of {report.n_groups} groups")
    if report.channels:
        print(f"channels: {', '.join(report.channels)}")
    for title, values in (
        ("shape", [f"{c.axes} {' x '.join(map(str, c.shape))}" for c in cases]),
        ("spacing", [_spacing(c.spacing_mm) for c in cases]),
    ):
        counted = Counter(values).most_common()
        shown = [f"{value} ({count})" for value, count in counted[:3]]
        rest = f", {len(counted) - 3} others" if len(counted) > 3 else ""
        print(f"{title}: {', '.join(shown)}{rest}")
    elements = sum(sum(case.labels.values()) for case in cases)
    for value, name in report.classes.items():
        count = sum(case.labels.get(value, 0) for case in cases)
        showing = sum(value in case.labels for case in cases)
        share = 100 * count / max(elements, 1)
        print(f"class {value} ({name}): in {showing} cases, {share:.2f} % of all elements")
    held_out = sum(bool(case.held_out) for case in cases)
    print(f"split: {len(cases) - held_out} train, {held_out} held out" if held_out else "no split")
    for note in report.notes:
        print(f"note: {note}")
    for problem in report.problems[:_SHOWN]:
        print(f"problem: {problem}")
    if len(report.problems) > _SHOWN:
        print(f"{len(report.problems) - _SHOWN} more problems; --json prints all")


def _spacing(spacing_mm: tuple[float, ...] | None) -> str:
    if spacing_mm is None:
        return "unknown"
    return " x ".join(f"{step:.3g}" for step in spacing_mm) + " mm"
