"""Measures of one mask against another, as a table that is wide enough to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from mambaseg.metrics import Row, evaluate
from mambaseg.types import ArrayLike, LabelSet, Segmentation
from mambaseg.types.errors import UnsupportedImageError

__all__ = ["Comparison", "Line", "Measurement", "measure"]


@dataclass(frozen=True)
class Comparison:
    """Two masks of one image.

    Parameters
    ----------
    prediction, reference : array-like of int
        Of equal shape, with axes "YX", "TYX", "ZYX".
    label_set : LabelSet or None
        The classes; None: a class for each value of the reference.
    leave_out : frozenset of int
        Frames that do not count, such as those that a model learned from.
    """

    prediction: ArrayLike
    reference: ArrayLike
    label_set: LabelSet | None
    leave_out: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Line:
    """All measures of a class in a frame (None: a still image)."""

    frame: int | None
    class_name: str
    values: dict[str, float]


@dataclass(frozen=True)
class Measurement:
    """What was measured.

    Parameters
    ----------
    rows : tuple of Row
        As `metrics.evaluate` gives them, and `metrics.write_csv` takes them.
    lines : tuple of Line
        The same, a class and frame in a line.
    label_set : LabelSet
        The classes.
    """

    rows: tuple[Row, ...]
    lines: tuple[Line, ...]
    label_set: LabelSet

    @property
    def measures(self) -> list[str]:
        """Names of the measures, in order."""
        return list(self.lines[0].values) if self.lines else []

    @property
    def n_frames(self) -> int:
        """Number of frames that were measured."""
        return len({line.frame for line in self.lines})

    def means(self) -> list[Line]:
        """Mean over frames of each measure, a class in a line."""
        by_class: dict[str, list[Line]] = defaultdict(list)
        for line in self.lines:
            by_class[line.class_name].append(line)
        return [
            Line(None, name, {m: fmean(line.values[m] for line in lines) for m in self.measures})
            for name, lines in by_class.items()
        ]

    def curve(self, class_name: str, name: str) -> tuple[list[float], list[float]]:
        """Frames, and a measure of a class on them; NaN on frames between that have none."""
        known = {
            line.frame: line.values[name]
            for line in self.lines
            if line.class_name == class_name and line.frame is not None
        }
        frames = range(min(known, default=0), max(known, default=-1) + 1)
        return [float(frame) for frame in frames], [known.get(f, float("nan")) for f in frames]


def measure(comparison: Comparison, check: Callable[[], None] = lambda: None) -> Measurement:
    """Measure a mask against a reference, class by class and frame by frame.

    Parameters
    ----------
    comparison : Comparison
        What to measure.
    check : callable
        Called before each frame; what it raises ends the work.

    Raises
    ------
    UnsupportedImageError
        If the shapes differ, nothing is left to measure, or labels exceed 254.
    """
    prediction, reference = comparison.prediction, comparison.reference
    if tuple(prediction.shape) != tuple(reference.shape):
        raise UnsupportedImageError(
            f"The prediction has the shape {tuple(prediction.shape)} and the reference "
            f"{tuple(reference.shape)}: choose two masks of one clip."
        )
    label_set = comparison.label_set or _classes_in(reference)
    if reference.ndim == 2:
        rows = evaluate(
            Segmentation(prediction, "YX", label_set), Segmentation(reference, "YX", label_set)
        )
    else:
        found = Segmentation(prediction, "TYX", label_set)
        true = Segmentation(reference, "TYX", label_set)
        rows = []
        for frame in range(reference.shape[0]):
            check()
            if frame not in comparison.leave_out:
                rows += evaluate(found, true, frames=[frame])
    if not rows:
        raise UnsupportedImageError(
            "There is no frame to measure: the reference is annotated on none, or all of them are "
            "left out."
        )
    return Measurement(tuple(rows), _lines(rows), label_set)


def _classes_in(reference: ArrayLike) -> LabelSet:
    keys: list[Any] = [...] if reference.ndim == 2 else list(range(reference.shape[0]))
    values: set[int] = set()
    for key in keys:
        values |= {int(value) for value in np.unique(np.asarray(reference[key])) if value}
    if values and not 0 < min(values) <= max(values) <= 254:
        raise UnsupportedImageError(
            f"The reference has labels from {min(values)} to {max(values)}; classes are numbered "
            "from 1 to 254. Renumber its labels."
        )
    return LabelSet.from_names({value: f"class {value}" for value in values or {1}})


def _lines(rows: list[Row]) -> tuple[Line, ...]:
    values: dict[tuple[Any, str], dict[str, float]] = defaultdict(dict)
    for row in rows:
        values[row.frame, row.class_name][row.measure] = row.value
    return tuple(Line(frame, name, found) for (frame, name), found in values.items())
