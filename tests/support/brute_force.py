"""Measures straight from their formulas, on sets of places and with loops: slow and plain."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Place = tuple[int, ...]


def places(mask: Any) -> set[Place]:
    return {tuple(map(int, place)) for place in np.argwhere(mask)}


def neighbours(place: Place) -> Iterable[Place]:
    for axis, step in itertools.product(range(len(place)), (-1, 1)):
        yield tuple(x + step * (i == axis) for i, x in enumerate(place))


def surface(mask: set[Place]) -> set[Place]:
    return {place for place in mask if any(one not in mask for one in neighbours(place))}


def to_nearest(points: set[Place], others: set[Place], spacing: Sequence[float]) -> list[float]:
    def distance(a: Place, b: Place) -> float:
        return math.sqrt(sum(((x - y) * s) ** 2 for x, y, s in zip(a, b, spacing, strict=True)))

    return [min(distance(a, b) for b in others) for a in points]


def percentile(values: Sequence[float], q: float) -> float:
    ordered = sorted(values)
    rank = (len(ordered) - 1) * q / 100
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (rank - low) * (ordered[high] - ordered[low])


def surface_measures(
    found: Any, true: Any, spacing: Sequence[float], tolerance: float
) -> dict[str, float]:
    p, r = surface(places(found)), surface(places(true))
    if not p and not r:
        return {"HD": 0, "HD95": 0, "ASSD": 0, "NSD": 1}
    if not p or not r:
        extent = (n * s for n, s in zip(np.shape(found), spacing, strict=True))
        worst = math.sqrt(sum(length**2 for length in extent))
        return {"HD": worst, "HD95": worst, "ASSD": worst, "NSD": 0}
    there, back = to_nearest(p, r, spacing), to_nearest(r, p, spacing)
    every = there + back
    return {
        "HD": max(every),
        "HD95": max(percentile(there, 95), percentile(back, 95)),
        "ASSD": sum(every) / len(every),
        "NSD": sum(d <= tolerance + 1e-9 for d in every) / len(every),
    }


def overlap_measures(found: Any, true: Any, known: Any | None = None) -> dict[str, float]:
    p, r = places(found), places(true)
    u = places(np.ones(np.shape(found)) if known is None else known)
    p, r = p & u, r & u

    def quotient(part: int, whole: int) -> float:
        return part / whole if whole else 1.0

    one_empty = bool(p) != bool(r)
    return {
        "Dice": quotient(2 * len(p & r), len(p) + len(r)),
        "Jaccard": quotient(len(p & r), len(p | r)),
        "Precision": 0.0 if one_empty else quotient(len(p & r), len(p)),
        "Recall": 0.0 if one_empty else quotient(len(p & r), len(r)),
        "Specificity": quotient(len(u - p - r), len(u - r)),
        "Accuracy": quotient(len(p & r) + len(u - p - r), len(u)),
        "TP": len(p & r),
        "FP": len(p - r),
        "FN": len(r - p),
        "TN": len(u - p - r),
    }


def mean_iou(found: Any, true: Any, values: Iterable[int]) -> float:
    ious = []
    for value in (0, *values):
        p, r = places(np.equal(found, value)), places(np.equal(true, value))
        if p | r:
            ious.append(len(p & r) / len(p | r))
    return sum(ious) / len(ious)


def components(mask: Any) -> list[set[Place]]:
    """Objects that touch by faces, edges or corners, grown place by place."""
    rest, objects = places(mask), []
    while rest:
        grown, edge = set(), {rest.pop()}
        while edge:
            grown |= edge
            edge = {other for other in rest for one in edge if max(_steps(one, other)) <= 1}
            rest -= edge
        objects.append(grown)
    return objects


def _steps(a: Place, b: Place) -> list[int]:
    return [abs(x - y) for x, y in zip(a, b, strict=True)]


def instance_measures(found: list[set[Place]], true: list[set[Place]]) -> dict[str, float]:
    names = ("Instance Dice", "Instance IoU", "F1 at 0.5")
    if not found or not true:
        return dict.fromkeys(names, float(not found and not true))

    def dice(a: set[Place], b: set[Place]) -> float:
        return 2 * len(a & b) / (len(a) + len(b))

    def iou(a: set[Place], b: set[Place]) -> float:
        return len(a & b) / len(a | b)

    def best(score: Any, some: list[set[Place]], others: list[set[Place]]) -> float:
        return sum(max(score(a, b) for b in others) for a in some) / len(some)

    matched = sum(iou(a, b) > 0.5 for a in found for b in true)
    return {
        "Instance Dice": min(best(dice, found, true), best(dice, true, found)),
        "Instance IoU": min(best(iou, found, true), best(iou, true, found)),
        "F1 at 0.5": 2 * matched / (len(found) + len(true)),
    }
