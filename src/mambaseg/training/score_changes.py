"""Scores before and after, with intervals that say how far they are to be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from mambaseg.metrics import Difference, Row, Summary, compare, summarize

__all__ = ["ScoreChange", "score_changes"]

Interval = tuple[float, float] | None


class ScoreChange(BaseModel):
    """Mean Dice of a class on what is held out, before and after a fine-tuning.

    Parameters
    ----------
    class_name : str
    before, after : float
    before_interval, after_interval, change_interval : (float, float) or None
        95 % bootstrap intervals of the means, and of the mean difference, pair by pair; None
        where there is one value alone.
    n : int
        Number of values.
    of : str
        What each is of: "recordings", "images" or "volumes"; or where one recording alone is held
        out its "frames" or "slices", which are alike, so that the intervals say nothing of others.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    class_name: str
    before: float
    after: float
    before_interval: Interval = None
    after_interval: Interval = None
    change_interval: Interval = None
    n: int
    of: str


def score_changes(
    before: Iterable[Row], after: Iterable[Row], unit: str
) -> tuple[ScoreChange, ...]:
    """Compare two networks on the same held-out frames.

    Parameters
    ----------
    before, after : iterable of Row
        Of one measure, in the same places.
    unit : str
        What was held out: "frames", "slices", "images", "clips" or "volumes".
    """
    first, second = list(before), list(after)
    if not first or not second:
        return ()
    if len({row.case for row in first}) > 1:
        of = "recordings" if unit in ("frames", "slices", "clips") else unit
    else:
        of = "volumes" if first[0].frame is None else unit.replace("clips", "frames")
        first, second = _by_frame(first), _by_frame(second)
    means = [{one.class_name: one for one in summarize(rows)} for rows in (first, second)]
    return tuple(
        ScoreChange(
            class_name=one.class_name,
            before=round(means[0][one.class_name].mean, 4),
            after=round(means[1][one.class_name].mean, 4),
            before_interval=_interval(means[0][one.class_name]),
            after_interval=_interval(means[1][one.class_name]),
            change_interval=_interval(one),
            n=one.n,
            of=of,
        )
        for one in compare(second, first)
    )


def _by_frame(rows: list[Row]) -> list[Row]:
    return [replace(row, case=f"{row.case}:{row.frame}", frame=None) for row in rows]


def _interval(found: Difference | Summary) -> Interval:
    low, high = round(found.low, 4), round(found.high, 4)
    return (low, high) if low == low else None
