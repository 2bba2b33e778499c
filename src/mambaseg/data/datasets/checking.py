"""Whether a data set's images and masks fit together, before any training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.datasets.case import Case, DataSet
from mambaseg.data.datasets.look_alikes import likeness, thumbnail
from mambaseg.data.datasets.reading import open_case_image, read_case_labels
from mambaseg.types.errors import MambasegError

__all__ = ["CaseReport", "DataSetReport", "check_dataset"]

NOT_ANNOTATED = 255
_ALIKE = 0.99
"""Correlation of thumbnails of what is all but the same image."""


@dataclass(frozen=True)
class CaseReport:
    """What a case holds.

    Parameters
    ----------
    name, group : str
    axes : str
        Of the image.
    shape : tuple of int
        Likewise, with the channels.
    spacing_mm : tuple of float or None
    labels : dict of int to int
        Number of elements with each value of the mask.
    held_out : bool or None
        By the data set's own split.
    """

    name: str
    group: str
    axes: str
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None
    labels: dict[int, int]
    held_out: bool | None


@dataclass
class DataSetReport:
    """What a data set holds, and what is wrong with it.

    Parameters
    ----------
    path, layout : str
    channels : tuple of str or None
    classes : dict of int to str
    cases : list of CaseReport
    problems : list of str
        One sentence each; none where all is well.
    notes : list of str
        What is not wrong, but good to know.
    """

    path: str
    layout: str
    channels: tuple[str, ...] | None
    classes: dict[int, str]
    cases: list[CaseReport] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def n_groups(self) -> int:
        """Number of patients or recordings."""
        return len({case.group for case in self.cases})


def check_dataset(dataset: DataSet) -> DataSetReport:
    """Look at every case: headers of images, and masks one after another.

    Images themselves are read only where the data set has a split, to find those that are on
    both of its sides.
    """
    report = DataSetReport(
        str(dataset.path), dataset.layout, dataset.channels, dict(dataset.classes or {})
    )
    report.problems += dataset.incomplete
    thumbnails: dict[str, NDArray[np.float32]] = {}
    for case in dataset.cases:
        try:
            report.cases.append(_case(case, dataset, thumbnails))
        except MambasegError as error:
            report.problems.append(f"{case.name}: {error}")
    if dataset.classes is None:
        found = sorted({v for c in report.cases for v in c.labels} - {0, NOT_ANNOTATED})
        report.classes = {value: f"class {value}" for value in found}
    report.problems += _strange(report, dataset)
    report.problems += _both_sides(report)
    report.problems += _alike(dataset, thumbnails)
    report.problems += _uneven(report)
    report.notes += _notes(report)
    return report


def _case(case: Case, dataset: DataSet, thumbnails: dict[str, NDArray[np.float32]]) -> CaseReport:
    image = open_case_image(case, dataset)
    shape = tuple(image.array.shape)
    labels = read_case_labels(case, dataset, shape[1:])
    if dataset.has_split:
        thumbnails[case.name] = thumbnail(image)
    counts = np.bincount(labels.ravel(), minlength=256)
    return CaseReport(
        case.name,
        case.group,
        image.axes,
        shape,
        image.geometry.spacing_mm,
        {int(value): int(counts[value]) for value in np.flatnonzero(counts)},
        case.held_out,
    )


def _strange(report: DataSetReport, dataset: DataSet) -> Iterator[str]:
    """Labels outside the set."""
    known = {0, NOT_ANNOTATED, *report.classes, dataset.ignore}
    for case in report.cases:
        if odd := sorted(case.labels.keys() - known):
            yield (
                f"{case.name}: its mask holds the values {odd}, but the classes are "
                f"{report.classes}"
            )
        annotated = {v for v in case.labels if v != NOT_ANNOTATED and v != dataset.ignore}
        if not annotated:
            yield f"{case.name}: nothing of its mask is annotated"


def _both_sides(report: DataSetReport) -> Iterator[str]:
    sides: dict[str, set[bool | None]] = defaultdict(set)
    for case in report.cases:
        sides[case.group].add(case.held_out)
    for group, found in sides.items():
        if len(found) > 1:
            yield f"{group}: this patient or recording is on both sides of the split"


def _alike(dataset: DataSet, thumbnails: dict[str, NDArray[np.float32]]) -> Iterator[str]:
    sides = [
        [case.name for case in dataset.cases if case.held_out is side and case.name in thumbnails]
        for side in (True, False)
    ]
    if not all(sides):
        return
    table = likeness([thumbnails[name] for side in sides for name in side])
    across = table[: len(sides[0]), len(sides[0]) :]
    for row, column in np.argwhere(across > _ALIKE):
        yield (
            f"{sides[0][row]} is held out, but all but the same image, {sides[1][column]}, trains "
            f"(correlation {across[row, column]:.3f})"
        )


def _uneven(report: DataSetReport) -> Iterator[str]:
    kinds = {case.axes for case in report.cases}
    if len(kinds) > 1:
        yield f"the images have different axes: {', '.join(sorted(kinds))}"
    channels = {case.shape[0] for case in report.cases}
    if len(channels) > 1 and channels != {1, 3}:  # grey and colour go together
        yield f"the images have different numbers of channels: {sorted(channels)}"


def _notes(report: DataSetReport) -> Iterator[str]:
    totals: dict[int, int] = defaultdict(int)
    for case in report.cases:
        for value, count in case.labels.items():
            totals[value] += count
    for value, name in report.classes.items():
        if not totals[value]:
            yield f"no mask shows the class {value} ({name})"
    if len(report.cases) == 1:
        yield "there is one case alone: nothing can be held out by patient or recording"
    spacings: set[Any] = {case.spacing_mm for case in report.cases}
    if None in spacings and len(spacings) > 1:
        yield "some images know their spacing and some do not"
