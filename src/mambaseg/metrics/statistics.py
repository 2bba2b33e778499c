"""What many cases say together: means, medians, intervals, and one model against another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from mambaseg.metrics.catalogue import MEASURES
from mambaseg.metrics.row import POOLED, Row
from mambaseg.types.errors import InvalidOptionError

__all__ = ["Difference", "Key", "Summary", "case_values", "compare", "mean_interval", "summarize"]

Key = tuple[str, str, str]
"""Class, measure and unit: values are comparable where all three agree."""

_RESAMPLES = 10_000
_BLOCK = 1_000
_LEVEL = 95


@dataclass(frozen=True)
class Summary:
    """A measure of a class over the cases.

    Parameters
    ----------
    class_name, measure, unit : str
    n : int
        Number of cases that have a value.
    n_undefined : int
        Number of those where the measure is not defined (NaN); they are left out.
    mean, median : float
        Over the cases.
    low, high : float
        95 % bootstrap interval of the mean, by case; NaN where there are fewer than two.
    """

    class_name: str
    measure: str
    unit: str
    n: int
    n_undefined: int
    mean: float
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Two models on the same cases.

    Parameters
    ----------
    class_name, measure, unit : str
    n : int
        Number of cases where both have a value.
    first, second : float
        The models' means over those cases.
    difference : float
        Mean of first - second.
    low, high : float
        95 % bootstrap interval of that, by case; NaN where there are fewer than two.
    first_better, second_better : int
        Number of cases on which each is the better one.
    """

    class_name: str
    measure: str
    unit: str
    n: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    first_better: int
    second_better: int

    @property
    def settled(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def case_values(rows: Iterable[Row]) -> dict[Key, dict[str, float]]:
    """Give one value per case of each class and measure.

    That of the whole case where there is one, else the mean over its frames that have a
    value: frames of one clip are alike, and not so many independent cases. Ordered by class,
    then as `MEASURES` are.
    """
    frames: dict[Key, dict[str, dict[int | None, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if row.case != POOLED:
            frames[row.class_name, row.measure, row.unit][row.case][row.frame] = row.value
    classes = list(dict.fromkeys(key[0] for key in frames))
    order = {name: index for index, name in enumerate(MEASURES)}
    keys = sorted(frames, key=lambda key: (classes.index(key[0]), order[key[1]]))
    return {
        key: {case: _of_case(key, values) for case, values in frames[key].items()} for key in keys
    }


def _of_case(key: Key, values: Mapping[int | None, float]) -> float:
    if None in values:
        return values[None]
    known = [value for value in values.values() if value == value]
    if MEASURES[key[1]].group == "counts":
        return sum(known)
    return fmean(known) if known else float("nan")


def summarize(rows: Iterable[Row]) -> list[Summary]:
    """Summarise each measure of each class over the cases.

    The interval is the percentile bootstrap's [1]_: cases are drawn with replacement 10 000
    times, from a fixed seed, and the middle 95 % of the means kept.

    References
    ----------
    .. [1] Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    found = []
    for key, cases in case_values(rows).items():
        values = np.array(list(cases.values()))
        known = values[~np.isnan(values)]
        mean, median = (
            (float(known.mean()), float(np.median(known))) if known.size else (np.nan, np.nan)
        )
        interval = mean_interval(known)
        found.append(Summary(*key, known.size, values.size - known.size, mean, median, *interval))
    return found


def compare(first: Iterable[Row], second: Iterable[Row]) -> list[Difference]:
    """Compare two models case by case.

    The interval is that of `summarize`, of the differences: the cases' own difficulty, which
    both models share, does not widen it.

    Raises
    ------
    InvalidOptionError
        If the two were measured on different cases.
    """
    a, b = case_values(first), case_values(second)
    names = [{case for cases in one.values() for case in cases} for one in (a, b)]
    if names[0] != names[1]:
        alone = ", ".join(sorted(names[0] ^ names[1])[:5])
        raise InvalidOptionError(
            f"The models were not measured on the same cases: {alone} has but one of the two. "
            "Measure both on the same cases."
        )
    found = []
    for key in (key for key in a if key in b):
        pairs = np.array([(a[key][case], b[key][case]) for case in a[key] if case in b[key]])
        pairs = pairs[~np.isnan(pairs).any(axis=1)]
        if not len(pairs):
            continue
        differences = pairs[:, 0] - pairs[:, 1]
        wins = _better(MEASURES[key[1]].better, pairs)
        found.append(
            Difference(
                *key,
                len(pairs),
                float(pairs[:, 0].mean()),
                float(pairs[:, 1].mean()),
                float(differences.mean()),
                *mean_interval(differences),
                *wins,
            )
        )
    return found


def _better(way: str, pairs: NDArray[np.float64]) -> tuple[int, int]:
    score = {"high": pairs, "low": -pairs, "zero": -np.abs(pairs), "neither": 0 * pairs}[way]
    return int((score[:, 0] > score[:, 1]).sum()), int((score[:, 1] > score[:, 0]).sum())


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Give the interval of the mean that `summarize` gives; NaN of fewer than two values."""
    if values.size < 2:
        return float("nan"), float("nan")
    random = np.random.default_rng(0)
    means = np.concatenate(
        [
            values[random.integers(0, values.size, (_BLOCK, values.size))].mean(axis=1)
            for _ in range(_RESAMPLES // _BLOCK)
        ]
    )
    low, high = np.percentile(means, (50 - _LEVEL / 2, 50 + _LEVEL / 2))
    return float(low), float(high)
