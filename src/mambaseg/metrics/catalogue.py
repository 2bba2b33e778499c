"""Every measure by name: what it needs, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mambaseg.types.errors import InvalidOptionError

__all__ = ["BASIC", "MEASURES", "Better", "Group", "Measure", "check_measures"]

Group = Literal[
    "overlap", "all classes", "surface", "area", "volume", "counts", "instances", "clip"
]
Better = Literal["high", "low", "zero", "neither"]


@dataclass(frozen=True)
class Measure:
    """What is to be known of a measure ahead of its value.

    Parameters
    ----------
    name : str
    group : Group
        What it is computed from.
    better : Better
        Whether a high or a low value is good, or one near zero.
    about : str
        What it tells, in a line.
    """

    name: str
    group: Group
    better: Better
    about: str


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("Dice", "overlap", "high", "2 |P & R| / (|P| + |R|)"),
        Measure("Jaccard", "overlap", "high", "IoU: |P & R| / |P or R|"),
        Measure("Precision", "overlap", "high", "|P & R| / |P|"),
        Measure("Recall", "overlap", "high", "sensitivity: |P & R| / |R|"),
        Measure("Specificity", "overlap", "high", "TN / (TN + FP); grows with the background"),
        Measure("Accuracy", "overlap", "high", "(TP + TN) / all; grows with the background"),
        Measure("mIoU", "all classes", "high", "mean IoU of background and classes that occur"),
        Measure("HD", "surface", "low", "largest distance between the surfaces"),
        Measure("HD95", "surface", "low", "larger of the two 95th percentiles of distances"),
        Measure("ASSD", "surface", "low", "mean distance between the surfaces"),
        Measure("NSD", "surface", "high", "part of the surfaces within a tolerance"),
        Measure("Area error", "area", "low", "| |P| - |R| |"),
        Measure("Relative area error", "area", "zero", "100 (|P| - |R|) / |R|"),
        Measure("Volume error", "volume", "low", "| |P| - |R| |"),
        Measure("Relative volume error", "volume", "zero", "100 (|P| - |R|) / |R|"),
        Measure("Temporal consistency", "clip", "high", "changes as much as the reference does"),
        Measure("Instance Dice", "instances", "high", "symmetric best Dice of the objects"),
        Measure("Instance IoU", "instances", "high", "symmetric best IoU of the objects"),
        Measure("F1 at 0.5", "instances", "high", "F1 of objects found with IoU > 0.5"),
        Measure("TP", "counts", "neither", "pixels in both masks"),
        Measure("FP", "counts", "neither", "pixels in the prediction alone"),
        Measure("FN", "counts", "neither", "pixels in the reference alone"),
        Measure("TN", "counts", "neither", "annotated pixels in neither mask"),
    )
}
"""By name, in the order of tables."""

BASIC = ("Dice", "Jaccard", "Precision", "Recall")
"""The measures that Vivim's paper reports, which need no spacing."""


def check_measures(names: Iterable[str]) -> tuple[str, ...]:
    """Put names of measures in the order of tables.

    Raises
    ------
    InvalidOptionError
        If there is no such measure, or none is named.
    """
    chosen = set(names)
    unknown = sorted(chosen - set(MEASURES))
    if unknown or not chosen:
        raise InvalidOptionError(
            f"{', '.join(unknown) or 'Nothing'} is no measure; choose among {', '.join(MEASURES)}."
        )
    return tuple(name for name in MEASURES if name in chosen)
