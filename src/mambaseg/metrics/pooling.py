"""Measures of all cases together, from their numbers of pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from mambaseg.metrics.frame import OVERLAP
from mambaseg.metrics.overlap import Counts, mean_iou
from mambaseg.metrics.row import ALL_CLASSES, POOLED, Row

__all__ = ["pooled"]

_COUNTS = ("TP", "FP", "FN", "TN")


def pooled(rows: Iterable[Row]) -> list[Row]:
    """Add up the pixels of all cases, and measure the overlap of the sums.

    A large object counts for more than a small one, and an image without any object
    counts nearly nothing, unlike in a mean over cases: the figures are not comparable.

    Parameters
    ----------
    rows : iterable of Row
        With the counts TP, FP, FN, TN among the measures. Of a case that has a row for the
        whole, its frames are not counted again.

    Returns
    -------
    list of Row
        Of the case `POOLED`, for each class the measures of overlap, and mIoU; empty
        where the rows hold no counts.
    """
    counted: dict[tuple[str, str], dict[str, dict[int | None, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in rows:
        if row.measure in _COUNTS and row.case != POOLED:
            counted[row.class_name, row.case][row.measure][row.frame] = row.value
    sums: dict[str, Counts] = {}
    for (name, _), numbers in counted.items():
        if set(numbers) == set(_COUNTS):
            tp, fp, fn, tn = (_of_case(numbers[key]) for key in _COUNTS)
            sums[name] = sums.get(name, Counts(0, 0, 0, 0)) + Counts(tp, fp, fn, tn)
    any_class = sums.pop(ALL_CLASSES, None)
    found = [
        Row(POOLED, None, name, measure, compute(counts))
        for name, counts in sums.items()
        for measure, compute in OVERLAP.items()
    ]
    if any_class is not None:
        value = mean_iou([*sums.values(), any_class.swapped])
        found.append(Row(POOLED, None, ALL_CLASSES, "mIoU", value))
    return found


def _of_case(values: dict[int | None, float]) -> int:
    return round(values[None] if None in values else sum(values.values()))
