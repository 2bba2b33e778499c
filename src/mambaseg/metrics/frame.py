"""All measures of one pair of masks: a flat image, a frame, a slice or a volume."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mambaseg.metrics import instances, overlap, size, surface
from mambaseg.metrics.catalogue import MEASURES
from mambaseg.metrics.overlap import Counts
from mambaseg.metrics.row import ALL_CLASSES
from mambaseg.metrics.targets import Target

__all__ = ["OVERLAP", "Pair", "Scale", "Value", "measure_pair"]

OVERLAP = {
    "Dice": overlap.dice,
    "Jaccard": overlap.jaccard,
    "Precision": overlap.precision,
    "Recall": overlap.recall,
    "Specificity": overlap.specificity,
    "Accuracy": overlap.accuracy,
}
"""The measures that numbers of pixels are enough for."""

_SURFACE = {
    "HD": surface.hausdorff,
    "HD95": surface.hausdorff_95,
    "ASSD": surface.assd,
}
_ML = 1000.0
"""mm^3 in a millilitre."""


class Value(NamedTuple):
    """A value, and what it is of."""

    class_name: str
    measure: str
    value: float
    unit: str


@dataclass(frozen=True)
class Scale:
    """Distances between elements, and how they are called.

    Parameters
    ----------
    spacing : tuple of float
        Along each axis; 1 where the unit is the pixel.
    physical : bool
        Whether it is in mm.
    tolerance : float
        Of NSD.
    """

    spacing: tuple[float, ...]
    physical: bool
    tolerance: float

    @property
    def length(self) -> str:
        """Unit of distances."""
        return "mm" if self.physical else "px"

    @property
    def size(self) -> tuple[float, str]:
        """Size of an element, and its unit."""
        element = prod(self.spacing)
        if len(self.spacing) == 2:
            return element, "mm²" if self.physical else "px"
        return (element / _ML, "ml") if self.physical else (element, "voxels")


class Pair:
    """Two masks, cut to the box that holds all their labels.

    Parameters
    ----------
    found, true : ndarray of int
        Labels of prediction and reference, of equal shape.
    ignore : int
        Value of what the reference does not annotate.

    Attributes
    ----------
    shape : tuple of int
        Of the whole.
    n_annotated : int
        Number of elements that count.
    """

    def __init__(self, found: NDArray[Any], true: NDArray[Any], ignore: int) -> None:
        self.shape = true.shape
        self.n_annotated = true.size
        box = _box((found != 0) | (true != 0))
        self.found, self.true = found[box], true[box]
        out = self.true == ignore
        n_out = int(np.count_nonzero(out))
        if n_out:
            self.n_annotated -= n_out
            self.found, self.true = np.where(out, 0, self.found), np.where(out, 0, self.true)


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Give the smallest box that holds a mask."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        (places,) = np.nonzero(mask.any(axis=others))
        box.append(slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0))
    return tuple(box)


def measure_pair(
    pair: Pair, targets: tuple[Target, ...], measures: Collection[str], scale: Scale
) -> Iterator[Value]:
    """Measure a pair, target by target, in the order of `MEASURES`.

    The counts of `ALL_CLASSES` are of any class against the background; like mIoU they are
    given where no pixel can be in two targets.
    """
    groups = {MEASURES[name].group for name in measures}
    for target in targets:
        found, true = target.of(pair.found), target.of(pair.true)
        yield from _of_target(target.name, found, true, pair, measures, groups, scale)
    if not {"mIoU", "TP", "FP", "FN", "TN"} & set(measures) or not _exclusive(targets):
        return
    of_classes, of_any = _counts(pair, targets)
    if "mIoU" in measures:
        yield Value(ALL_CLASSES, "mIoU", overlap.mean_iou([*of_classes, of_any.swapped]), "")
    for key in ("TP", "FP", "FN", "TN"):
        if key in measures:
            yield Value(ALL_CLASSES, key, float(getattr(of_any, key.lower())), "px")


def _of_target(
    name: str,
    found: NDArray[np.bool_],
    true: NDArray[np.bool_],
    pair: Pair,
    measures: Collection[str],
    groups: AbstractSet[str],
    scale: Scale,
) -> Iterator[Value]:
    counts = overlap.count(found, true, pair.n_annotated)
    values = {key: (compute(counts), "") for key, compute in OVERLAP.items()}
    if groups & {"surface", "instances"}:
        box = _box(found | true)
        found, true = found[box], true[box]
    if "surface" in groups:
        diagonal = sqrt(sum((n * s) ** 2 for n, s in zip(pair.shape, scale.spacing, strict=True)))
        distances = surface.surface_distances(found, true, scale.spacing, diagonal)
        for key, of_surface in _SURFACE.items():
            values[key] = of_surface(distances), scale.length
        within = f"at {scale.tolerance:g} {scale.length}"
        values["NSD"] = surface.nsd(distances, scale.tolerance), within
    kind = "Area" if len(pair.shape) == 2 else "Volume"
    element, unit = scale.size
    values[f"{kind} error"] = size.size_error(counts, element), unit
    values[f"Relative {kind.lower()} error"] = size.relative_size_error(counts), "%"
    if "instances" in groups:
        objects = instances.overlaps(instances.components(found), instances.components(true))
        values |= {
            key: (compute(objects), "") for key, compute in instances.INSTANCE_MEASURES.items()
        }
    for key in ("tp", "fp", "fn", "tn"):
        values[key.upper()] = float(getattr(counts, key)), "px"
    for key in MEASURES:
        if key in measures and key in values:
            yield Value(name, key, *values[key])


def _exclusive(targets: tuple[Target, ...]) -> bool:
    values = [value for target in targets for value in target.values]
    return len(values) == len(set(values))


def _counts(pair: Pair, targets: tuple[Target, ...]) -> tuple[list[Counts], Counts]:
    """Count the pixels of each target, and of all of them together."""
    found, true = np.zeros(pair.true.shape, bool), np.zeros(pair.true.shape, bool)
    counts = []
    for target in targets:
        masks = target.of(pair.found), target.of(pair.true)
        counts.append(overlap.count(*masks, pair.n_annotated))
        found |= masks[0]
        true |= masks[1]
    return counts, overlap.count(found, true, pair.n_annotated)
