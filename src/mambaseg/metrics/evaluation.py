"""Compare a mask with a reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.metrics.catalogue import MEASURES
from mambaseg.metrics.frame import Pair, Scale, Value, measure_pair
from mambaseg.metrics.grids import check_same_grid, resampled
from mambaseg.metrics.motion import temporal_consistency
from mambaseg.metrics.options import MeasureOptions
from mambaseg.metrics.overlap import count, jaccard
from mambaseg.metrics.row import Row
from mambaseg.metrics.targets import (
    Target,
    brats_regions,
    check_values,
    common_classes,
    select,
    targets_of,
)
from mambaseg.metrics.values import all_values, values_of
from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError
from mambaseg.types.segmentation import Segmentation

__all__ = ["evaluate"]

_DEFAULT = MeasureOptions()


def evaluate(
    prediction: Segmentation,
    reference: Segmentation,
    *,
    frames: Iterable[int] | None = None,
    options: MeasureOptions = _DEFAULT,
    case: str = "",
    check: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Compare a mask with a reference, class by class.

    The measures are defined in the modules `overlap`, `surface`, `size`, `motion` and
    `instances`, and listed in `MEASURES`. Pixels that the reference does not annotate,
    whose value is `label_set.ignore`, do not count.

    Parameters
    ----------
    prediction, reference : Segmentation
        Of one image: of equal axes and shape.
    frames : iterable of int, optional
        Frames of a clip, or slices of a volume, to compare; None: all. Those without
        annotation give no rows.
    options : MeasureOptions
        What to measure.
    case : str
        Name of the image, for the rows.
    check : callable
        Called before each frame; what it raises ends the work.

    Returns
    -------
    list of Row
        Ordered by frame (the whole case last), class, measure.

    Raises
    ------
    UnsupportedImageError
        If the masks lie on different grids, have different classes, or are to be measured
        in mm and their spacing is not known.
    InvalidOptionError
        If a frame or class does not exist.
    """
    if options.resample:
        prediction = resampled(prediction, reference)
    check_same_grid(prediction, reference)
    work = _Work(prediction, reference, options)
    chosen = work.choose(frames)
    rows: list[Row] = []
    if work.by_frame:
        for frame in chosen:
            check()
            rows += [Row(case, frame, *value) for value in work.frame(frame)]
    if work.as_whole:
        check()
        rows += [
            Row(case, None, *value) for value in work.whole(None if frames is None else chosen)
        ]
    if not work.by_frame:
        return rows
    wanted = work.levels
    if "case" in wanted and not work.as_whole:
        rows += [Row(case, None, *value) for value in work.of_clip(rows, chosen)]
    return rows if "frame" in wanted else [row for row in rows if row.frame is None]


class _Work:
    """Two masks on one grid, and what is asked of them."""

    def __init__(
        self, prediction: Segmentation, reference: Segmentation, options: MeasureOptions
    ) -> None:
        self.found, self.true, self.axes = prediction.labels, reference.labels, reference.axes
        self.classes = common_classes(prediction.label_set, reference.label_set)
        self.options = options
        self.measures = options.measures
        self.timed = self.axes.startswith("T")
        self.levels = options.levels or (("frame",) if self.timed else ("case",))
        flat = self.axes == "YX"
        self.by_frame = self.timed or ("frame" in self.levels and not flat)
        self.as_whole = not self.timed and ("case" in self.levels or flat)
        spacing = reference.geometry.spacing_mm or prediction.geometry.spacing_mm
        if options.unit == "mm" and spacing is None:
            raise UnsupportedImageError(
                "Millimetres were asked for, but neither mask knows its spacing: measure in "
                "pixels, or give the masks their spacing."
            )
        self.physical = spacing is not None and options.unit != "px"
        n_spatial = len(self.axes) - self.timed
        self.spacing = spacing if spacing and self.physical else (1.0,) * n_spatial
        self._targets: tuple[Target, ...] | None = None
        self._last: tuple[int, NDArray[Any], NDArray[Any]] | None = None
        self._steps: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def choose(self, frames: Iterable[int] | None) -> list[int]:
        """Check a choice of frames or slices."""
        if len(self.axes) == 2:
            return []
        n_frames = self.true.shape[0]
        chosen = list(range(n_frames) if frames is None else frames)
        if any(frame not in range(n_frames) for frame in chosen):
            raise InvalidOptionError(
                f"Frames {chosen} were asked for, but the masks have 0 to {n_frames - 1}."
            )
        return chosen

    def frame(self, frame: int) -> Iterator[Value]:
        """Measure a frame of a clip, or a slice of a volume."""
        found, true = np.asarray(self.found[frame]), np.asarray(self.true[frame])
        if "Temporal consistency" in self.measures and self.timed:
            self._step(frame, found, true)
        return self._measure(found, true, self.spacing[-true.ndim :])

    def whole(self, chosen: list[int] | None) -> Iterator[Value]:
        """Measure an image or volume; of a volume, the chosen slices."""
        found, true = np.asarray(self.found[:]), np.asarray(self.true[:])
        if chosen is not None and true.ndim == 3:
            found, true = found[chosen], true[chosen]
        return self._measure(found, true, self.spacing)

    def _measure(
        self, found: NDArray[Any], true: NDArray[Any], spacing: tuple[float, ...]
    ) -> Iterator[Value]:
        pair = Pair(found, true, self.classes.ignore)
        if not pair.n_annotated:
            return iter(())
        targets = self.targets(pair)
        scale = Scale(spacing, self.physical, self.options.tolerance)
        return measure_pair(pair, targets, self.measures, scale)

    def targets(self, pair: Pair | None = None) -> tuple[Target, ...]:
        """Give what is measured, once the values that a pair holds are found to be known."""
        if self.options.regions is None:
            if pair is not None:
                check_values("prediction", values_of(pair.found), self.classes)
                check_values("reference", values_of(pair.true), self.classes)
            return select(targets_of(self.classes), self.options.classes)
        if self._targets is None:
            # The regions follow from the values of the whole case, and not of a slice.
            found, true = (all_values(labels) for labels in (self.found, self.true))
            self._targets = select(brats_regions(found, true), self.options.classes)
        return self._targets

    def _step(self, frame: int, found: NDArray[Any], true: NDArray[Any]) -> None:
        """Take note of how much the masks change from one frame to the next."""
        last, self._last = self._last, (frame, found, true)
        if last is None or frame != last[0] + 1:
            return
        known = (true != self.classes.ignore) & (last[2] != self.classes.ignore)
        if not known.any():
            return
        for target in self.targets():
            steps = [
                jaccard(count(target.of(a) & known, target.of(b) & known, known.size))
                for a, b in ((last[1], found), (last[2], true))
            ]
            self._steps[target.name].append((steps[0], steps[1]))

    def of_clip(self, rows: list[Row], chosen: list[int]) -> Iterator[Value]:
        """Measure a clip as a whole: means over its frames, sums of counts, its motion."""
        values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        for row in rows:
            values[row.class_name, row.measure, row.unit].append(row.value)
        motion = "Temporal consistency" in self.measures and bool(rows)
        names = dict.fromkeys(row.class_name for row in rows)
        for name in names:
            ours = {key[1]: (key[2], found) for key, found in values.items() if key[0] == name}
            if motion and name in {target.name for target in self.targets()}:
                steps = self._steps[name]
                value = temporal_consistency([p for p, _ in steps], [r for _, r in steps])
                ours["Temporal consistency"] = "", [value]
            for measure in MEASURES:
                if measure in ours:
                    unit, found = ours[measure]
                    summed = MEASURES[measure].group == "counts"
                    yield Value(name, measure, sum(found) if summed else _mean(found), unit)


def _mean(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return fmean(known) if known else float("nan")
