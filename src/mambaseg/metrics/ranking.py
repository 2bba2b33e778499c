"""Which cases or frames a mask is worst on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from mambaseg.metrics.catalogue import MEASURES
from mambaseg.metrics.row import POOLED, Row

__all__ = ["Ranked", "worst"]


@dataclass(frozen=True)
class Ranked:
    """A case or frame, and its values of the measure that it is ranked by.

    Parameters
    ----------
    case : str
    frame : int or None
        None: the case as a whole.
    values : dict of str to float
        By class.
    unit : str
    """

    case: str
    frame: int | None
    values: dict[str, float]
    unit: str

    @property
    def mean(self) -> float:
        """Mean over the classes."""
        return fmean(self.values.values())


def worst(rows: Iterable[Row], measure: str, n: int) -> list[Ranked]:
    """Give the frames that are worst, or the cases where there are no frames.

    Parameters
    ----------
    rows : iterable of Row
    measure : str
        What they are ranked by, as a mean over their classes. What is not defined does not
        count.
    n : int
        How many to give, at most, the worst first.
    """
    ours = [row for row in rows if row.measure == measure and row.case != POOLED]
    if any(row.frame is not None for row in ours):
        ours = [row for row in ours if row.frame is not None]
    values: dict[tuple[str, int | None, str], dict[str, float]] = defaultdict(dict)
    for row in ours:
        if row.value == row.value:
            values[row.case, row.frame, row.unit][row.class_name] = row.value
    ranked = [Ranked(case, frame, found, unit) for (case, frame, unit), found in values.items()]
    better = MEASURES[measure].better

    def goodness(one: Ranked) -> float:
        mean = abs(one.mean) if better == "zero" else one.mean
        return mean if better == "high" else -mean

    return sorted(ranked, key=goodness)[:n]
