"""Measures of one mask against another, as a table that is wide enough to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Self

from mambaseg.metrics import MEASURES, POOLED, MeasureOptions, Row, evaluate
from mambaseg.metrics.ranking import worst
from mambaseg.metrics.report import write_report
from mambaseg.metrics.values import all_values
from mambaseg.session.taken_mask import numbered
from mambaseg.session.worst_pictures import N_PICTURES, picture_of, present
from mambaseg.types import ArrayLike, Geometry, LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import UnsupportedImageError

__all__ = ["Comparison", "Line", "Measurement", "measure", "report_layers"]


@dataclass(frozen=True)
class Comparison:
    """Two masks of one image.

    Parameters
    ----------
    prediction, reference : array-like of int
        Of equal shape.
    label_set : LabelSet or None
        The classes; None: a class for each value of the reference.
    leave_out : frozenset of int
        Frames that do not count, such as those that a model learned from.
    axes : str
        "YX", "TYX", "ZYX" or "TZYX"; "": "YX" or, with three axes, "TYX".
    geometry : Geometry
        Spacing, where it is known.
    options : MeasureOptions
        What to measure.
    """

    prediction: ArrayLike
    reference: ArrayLike
    label_set: LabelSet | None
    leave_out: frozenset[int] = frozenset()
    axes: str = ""
    geometry: Geometry = field(default_factory=Geometry)
    options: MeasureOptions = field(default_factory=MeasureOptions)


@dataclass(frozen=True)
class Line:
    """All measures of a class in a frame or slice (None: the case as a whole)."""

    frame: int | None
    class_name: str
    values: dict[str, float]
    case: str = ""


@dataclass(frozen=True)
class Measurement:
    """What was measured.

    Parameters
    ----------
    rows : tuple of Row
        As `metrics.evaluate` gives them, and `metrics.write_table` takes them.
    lines : tuple of Line
        The same, a class and frame in a line; of a still image, or of many cases, a class
        and case.
    whole : tuple of Line
        The cases as a whole, where they have frames too.
    label_set : LabelSet
        The classes.
    """

    rows: tuple[Row, ...]
    lines: tuple[Line, ...]
    label_set: LabelSet
    whole: tuple[Line, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Row], label_set: LabelSet) -> Self:
        """Lay rows out as lines."""
        rows = [row for row in rows if row.case != POOLED]
        lines = _lines(rows)
        framed = tuple(line for line in lines if line.frame is not None)
        whole = tuple(line for line in lines if line.frame is None)
        return cls(tuple(rows), framed or whole, label_set, whole if framed else ())

    @property
    def measures(self) -> list[str]:
        """Names of the measures, in order."""
        known = {name for line in (*self.lines, *self.whole) for name in line.values}
        return [name for name in MEASURES if name in known]

    @property
    def units(self) -> dict[str, str]:
        """Unit of each measure."""
        return {row.measure: row.unit for row in self.rows}

    @property
    def classes(self) -> list[str]:
        """Names of the classes or regions, in order."""
        return list(dict.fromkeys(line.class_name for line in self.lines))

    @property
    def cases(self) -> list[str]:
        """Names of the cases, in order; one that is "" for two layers."""
        return list(dict.fromkeys(line.case for line in self.lines))

    @property
    def framed(self) -> bool:
        """Whether there are values of frames or slices."""
        return any(line.frame is not None for line in self.lines)

    @property
    def n_frames(self) -> int:
        """Number of frames, or of cases without frames, that were measured."""
        return len({(line.case, line.frame) for line in self.lines})

    def means(self) -> list[Line]:
        """Give each class's value: the case's as a whole, or the mean over cases or frames."""
        by_class: dict[str, list[Line]] = defaultdict(list)
        for line in self.whole or self.lines:
            by_class[line.class_name].append(line)
        return [
            Line(
                None, name, {m: _mean(line.values.get(m) for line in lines) for m in self.measures}
            )
            for name, lines in by_class.items()
        ]

    def curve(self, class_name: str, name: str) -> tuple[list[float], list[float]]:
        """Frames, and a measure of a class on them; NaN on frames between that have none."""
        known = {
            line.frame: line.values.get(name, float("nan"))
            for line in self.lines
            if line.class_name == class_name and line.frame is not None
        }
        frames = range(min(known, default=0), max(known, default=-1) + 1)
        return [float(frame) for frame in frames], [known.get(f, float("nan")) for f in frames]

    def worst(self, name: str, n: int) -> tuple[Line, ...]:
        """Give the lines of the frames or cases that are worst by a measure, the worst first."""
        rows = [row for row in self.rows if self.framed == (row.frame is not None)]
        order = {(one.case, one.frame): i for i, one in enumerate(worst(rows, name, n))}
        lines = [line for line in self.lines if (line.case, line.frame) in order]
        return tuple(sorted(lines, key=lambda line: order[line.case, line.frame]))


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
    label_set = comparison.label_set or LabelSet.from_names(
        numbered(all_values(reference, check), "The reference")
    )
    axes = comparison.axes or {2: "YX", 3: "TYX", 4: "TZYX"}.get(reference.ndim, "")
    spaced = Geometry(comparison.geometry.spacing_mm)
    masks = [Segmentation(labels, axes, label_set, spaced) for labels in (prediction, reference)]
    out = comparison.leave_out
    frames = [f for f in range(reference.shape[0]) if f not in out] if out else None
    rows = evaluate(*masks, frames=frames, options=comparison.options, check=check)
    if not rows:
        raise UnsupportedImageError(
            "There is no frame to measure: the reference is annotated on none, or all of them are "
            "left out."
        )
    return Measurement.of(rows, label_set)


def _lines(rows: Sequence[Row]) -> tuple[Line, ...]:
    values: dict[tuple[Any, ...], dict[str, float]] = defaultdict(dict)
    for row in rows:
        values[row.frame, row.class_name, row.case][row.measure] = row.value
    return tuple(Line(frame, name, found, case) for (frame, name, case), found in values.items())


def _mean(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None and value == value]
    return fmean(known) if known else float("nan")


def report_layers(
    found: Measurement,
    comparison: Comparison,
    image: MedicalImage | None,
    name: str,
    path: Path,
    against: Mapping[str, Measurement],
) -> None:
    """Write the HTML report of two masks, with pictures of the worst frames.

    Parameters
    ----------
    found : Measurement
    comparison : Comparison
        What was measured.
    image : MedicalImage or None
        What the masks are of.
    name : str
        Of the prediction.
    path : Path
    against : mapping of str to Measurement
        Of a second mask of the same image, by its name; or none.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    axes = comparison.axes or {2: "YX", 3: "TYX", 4: "TZYX"}[comparison.reference.ndim]
    masks = [
        Segmentation(labels, axes, found.label_set)
        for labels in (comparison.prediction, comparison.reference)
    ]
    ranked_by = "Dice" if "Dice" in found.measures else found.measures[0]
    ranked = worst(present(found.rows), ranked_by, N_PICTURES)
    write_report(
        path,
        {name: found.rows, **{other: one.rows for other, one in against.items()}},
        title=" against ".join((name, *against)) if against else f"{name}, measured",
        about=[f"{found.n_frames} frames."] if found.framed else [],
        colors={label.name: label.color for label in found.label_set.classes},
        pictures=[picture_of(masks[0], masks[1], image, one) for one in ranked],
        ranked_by=ranked_by,
    )
