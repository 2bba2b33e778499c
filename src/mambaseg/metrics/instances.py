"""Measures of single objects, such as cells.

The objects of a class are its connected components, by faces, edges and corners; or they
are given by number (`evaluate_instances`). Both without objects: 1. One of them: 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.metrics.row import Row
from mambaseg.types.errors import UnsupportedImageError

__all__ = [
    "INSTANCE_MEASURES",
    "Overlaps",
    "components",
    "evaluate_instances",
    "f1_at_half",
    "instance_dice",
    "instance_iou",
    "overlaps",
]


@dataclass(frozen=True)
class Overlaps:
    """Numbers of pixels that objects share.

    Parameters
    ----------
    found, true : ndarray of int
        Pixels of each predicted and of each true object.
    pairs : ndarray of int, shape (2, number of pairs)
        The predicted and the true object of each pair that shares pixels.
    shared : ndarray of int
        Pixels that each pair shares.
    """

    found: NDArray[np.int64]
    true: NDArray[np.int64]
    pairs: NDArray[np.int64]
    shared: NDArray[np.int64]

    @property
    def dice(self) -> NDArray[np.float64]:
        """Dice of each pair."""
        values: NDArray[np.float64] = 2 * self.shared / self._together
        return values

    @property
    def iou(self) -> NDArray[np.float64]:
        """IoU of each pair."""
        values: NDArray[np.float64] = self.shared / (self._together - self.shared)
        return values

    @property
    def _together(self) -> NDArray[np.int64]:
        sizes: NDArray[np.int64] = self.found[self.pairs[0]] + self.true[self.pairs[1]]
        return sizes

    @property
    def empty(self) -> float | None:
        """The value of every measure where a mask has no objects; None where both have some."""
        sizes = self.found.size, self.true.size
        return None if all(sizes) else float(not any(sizes))


def components(mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Give each connected component of a mask a number, from 1."""
    from scipy.ndimage import label

    numbered: NDArray[Any] = label(mask, np.ones((3,) * mask.ndim))[0]
    return numbered


def overlaps(prediction: NDArray[Any], reference: NDArray[Any]) -> Overlaps:
    """Count what the objects of two masks share.

    Parameters
    ----------
    prediction, reference : ndarray of int
        Number of the object at each pixel, 0 for none; of equal shape.
    """
    sizes = [np.bincount(mask[mask > 0]) for mask in (prediction, reference)]
    numbers = [np.flatnonzero(size) for size in sizes]
    both = (prediction > 0) & (reference > 0)
    first, second = (mask[both].astype(np.int64) for mask in (prediction, reference))
    base = max(len(sizes[1]), 1)
    keys, shared = np.unique(first * base + second, return_counts=True)
    pairs = np.stack(
        [np.searchsorted(numbers[0], keys // base), np.searchsorted(numbers[1], keys % base)]
    )
    return Overlaps(sizes[0][numbers[0]], sizes[1][numbers[1]], pairs, shared)


def _symmetric_best(objects: Overlaps, values: NDArray[np.float64]) -> float:
    if objects.empty is not None:
        return objects.empty
    means = []
    for side, sizes in enumerate((objects.found, objects.true)):
        best = np.zeros(sizes.size)
        np.maximum.at(best, objects.pairs[side], values)
        means.append(best.mean())
    return float(min(means))


def instance_dice(objects: Overlaps) -> float:
    """Symmetric best Dice [1]_.

    For each object of one mask the Dice with that object of the other which fits best,
    averaged over its objects; the lower one of the two directions.

    References
    ----------
    .. [1] Scharr et al., Machine Vision and Applications 27 (2016), doi:10.1007/s00138-015-0737-3.
    """
    return _symmetric_best(objects, objects.dice)


def instance_iou(objects: Overlaps) -> float:
    """Symmetric best IoU: as `instance_dice`, of the IoU."""
    return _symmetric_best(objects, objects.iou)


def f1_at_half(objects: Overlaps) -> float:
    """F1 of finding objects, 2 TP / (2 TP + FP + FN) [1]_.

    A true positive is a pair whose IoU is above 0.5: no object can then be in two pairs.

    References
    ----------
    .. [1] Kirillov et al., CVPR (2019), doi:10.1109/CVPR.2019.00963.
    """
    if objects.empty is not None:
        return objects.empty
    return float(2 * np.count_nonzero(objects.iou > 0.5) / (objects.found.size + objects.true.size))


INSTANCE_MEASURES = {
    "Instance Dice": instance_dice,
    "Instance IoU": instance_iou,
    "F1 at 0.5": f1_at_half,
}


def evaluate_instances(
    prediction: NDArray[Any], reference: NDArray[Any], *, case: str = "", class_name: str = "object"
) -> list[Row]:
    """Compare objects that are given by number, so that two may touch.

    Parameters
    ----------
    prediction, reference : ndarray of int, of equal shape
        Number of the object at each pixel; 0 for none. The numbers of the two need not agree.
    case, class_name : str
        For the rows.

    Raises
    ------
    UnsupportedImageError
        If the shapes differ, or these are no numbers of objects.
    """
    if prediction.shape != reference.shape:
        raise UnsupportedImageError(
            f"The predicted objects have the shape {prediction.shape} and the true ones "
            f"{reference.shape}: compare masks of one image."
        )
    for labels in (prediction, reference):
        if labels.dtype.kind not in "iub" or (labels.size and labels.min() < 0):
            raise UnsupportedImageError(
                f"Objects are numbered from 1, with 0 for none; these are of type {labels.dtype}, "
                f"from {labels.min()} to {labels.max()}. Number the objects."
            )
    found = overlaps(prediction, reference)
    return [
        Row(case, None, class_name, name, compute(found))
        for name, compute in INSTANCE_MEASURES.items()
    ]
