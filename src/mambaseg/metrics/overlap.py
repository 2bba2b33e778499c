"""Measures of overlap, from numbers of pixels.

P is the prediction's set of pixels and R the reference's. Pixels that the reference
does not annotate are in neither and are not counted. Where a quotient is 0 / 0, both
masks agree on having nothing there, and the value is 1; where only one of P and R is
empty, precision and recall are 0 like Dice, though one of them would be 0 / 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Counts",
    "accuracy",
    "count",
    "dice",
    "jaccard",
    "mean_iou",
    "precision",
    "recall",
    "specificity",
]


@dataclass(frozen=True)
class Counts:
    """Numbers of pixels: true positives, false positives, false negatives, true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn
        )

    @property
    def swapped(self) -> Counts:
        """The counts of what is outside the masks."""
        return Counts(self.tn, self.fn, self.fp, self.tp)

    @property
    def one_is_empty(self) -> bool:
        """Whether one of the two masks has no pixel, and the other has some."""
        return (self.tp + self.fp == 0) != (self.tp + self.fn == 0)


def count(prediction: NDArray[Any], reference: NDArray[Any], n_annotated: int) -> Counts:
    """Count the pixels of two masks.

    Parameters
    ----------
    prediction, reference : ndarray of bool
        Of equal shape, or equal parts of it that hold both masks as a whole.
    n_annotated : int
        Number of annotated pixels of the whole.
    """
    both = int(np.count_nonzero(prediction & reference))
    found, true = int(np.count_nonzero(prediction)), int(np.count_nonzero(reference))
    return Counts(both, found - both, true - both, n_annotated - found - true + both)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def dice(counts: Counts) -> float:
    """Dice's coefficient, 2 |P & R| / (|P| + |R|) [1]_. Both empty: 1. One empty: 0.

    References
    ----------
    .. [1] Dice, Ecology 26 (1945), doi:10.2307/1932409.
    """
    return _ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


def jaccard(counts: Counts) -> float:
    """Jaccard's index or IoU, |P & R| / |P or R| [1]_. Both empty: 1. One empty: 0.

    References
    ----------
    .. [1] Jaccard, New Phytologist 11 (1912), doi:10.1111/j.1469-8137.1912.tb05611.x.
    """
    return _ratio(counts.tp, counts.tp + counts.fp + counts.fn)


def precision(counts: Counts) -> float:
    """Precision or positive predictive value, |P & R| / |P| [1]_. Both empty: 1. One empty: 0.

    References
    ----------
    .. [1] Taha and Hanbury, BMC Medical Imaging 15 (2015), doi:10.1186/s12880-015-0068-x.
    """
    return 0.0 if counts.one_is_empty else _ratio(counts.tp, counts.tp + counts.fp)


def recall(counts: Counts) -> float:
    """Recall or sensitivity, |P & R| / |R| [1]_. Both empty: 1. One empty: 0.

    References
    ----------
    .. [1] Taha and Hanbury, BMC Medical Imaging 15 (2015), doi:10.1186/s12880-015-0068-x.
    """
    return 0.0 if counts.one_is_empty else _ratio(counts.tp, counts.tp + counts.fn)


def specificity(counts: Counts) -> float:
    """Specificity, the part of the pixels outside R that are outside P: TN / (TN + FP) [1]_.

    1 where R is all there is. It grows with the picture's background: no measure of an outline.

    References
    ----------
    .. [1] Taha and Hanbury, BMC Medical Imaging 15 (2015), doi:10.1186/s12880-015-0068-x.
    """
    return _ratio(counts.tn, counts.tn + counts.fp)


def accuracy(counts: Counts) -> float:
    """Accuracy of one class against all else, (TP + TN) / all annotated pixels [1]_.

    It grows with the picture's background, as specificity does.

    References
    ----------
    .. [1] Taha and Hanbury, BMC Medical Imaging 15 (2015), doi:10.1186/s12880-015-0068-x.
    """
    return _ratio(counts.tp + counts.tn, counts.tp + counts.fp + counts.fn + counts.tn)


def mean_iou(classes: Sequence[Counts]) -> float:
    """Mean of the IoU over the background and those classes that either mask holds [1]_.

    Parameters
    ----------
    classes : sequence of Counts
        Of the background and of every class. One that both masks lack does not count.

    References
    ----------
    .. [1] Everingham et al., IJCV 88 (2010), doi:10.1007/s11263-009-0275-4.
    """
    values = [jaccard(one) for one in classes if one.tp + one.fp + one.fn]
    return float(np.mean(values)) if values else 1.0
