"""How sure a segmentation is, frame by frame, and which frame to look at next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Doubt"]

Scores = NDArray[np.float32]
_NEAR = 15
"""Frames up to this far apart can be too alike for a person to gain from both; in short films a
twentieth of all."""


@dataclass(frozen=True, eq=False)
class Doubt:
    """Scores that say which frames or slices a person should look at.

    A score is 1 - (1 - entropy) (1 - disagreement) (1 - jump): that of three
    witnesses at least one objects, were they independent. It orders the frames of a
    run; it is no probability. What was not computed (frames that a person has
    verified) has NaN. `benchmarks/doubt.py` measures it on labelled data.

    Parameters
    ----------
    unit : {"frames", "slices"}
        What the scores are of.
    first : int
        Frame or slice of the first score.
    scores : ndarray, shape (N,), float32
        From 0 (sure) to 1.
    entropy, disagreement, jump : ndarray, shape (N,), float32, or None
        What the scores are made of, each from 0 to 1: entropy of the probabilities
        at borders and relative to area; difference between the overlapping clips
        that hold a frame; and change of the mask against its neighbours. None where
        a run has none of that kind.
    """

    unit: Literal["frames", "slices"]
    first: int
    scores: Scores
    entropy: Scores | None = None
    disagreement: Scores | None = None
    jump: Scores | None = None

    @classmethod
    def combined(
        cls,
        unit: Literal["frames", "slices"],
        first: int,
        entropy: Scores,
        disagreement: Scores | None = None,
        jump: Scores | None = None,
    ) -> Self:
        """Make the scores from their parts; what a part does not know, NaN, is no objection."""
        sure = 1 - entropy
        for part in (disagreement, jump):
            if part is not None:
                sure = sure * (1 - np.nan_to_num(part))
        scores = np.clip(1 - sure, 0, 1).astype(np.float32)
        return cls(unit, first, scores, entropy, disagreement, jump)

    def ranked(self, n: int | None = None) -> list[int]:
        """Give the frames or slices to look at, in that order.

        The worst come first, but those near one that is already listed wait for the
        next round: a person gains little from two frames that are much alike.

        Parameters
        ----------
        n : int or None
            How many; None: all that have a score.
        """
        near = min(_NEAR, len(self.scores) // 20)
        left = [int(place) for place in np.argsort(-self.scores, kind="stable")]
        left = [place for place in left if np.isfinite(self.scores[place])]
        listed: list[int] = []
        while left and (n is None or len(listed) < n):
            taken = np.zeros(len(self.scores), bool)
            wait = []
            for place in left:
                if taken[max(0, place - near) : place + near + 1].any():
                    wait.append(place)
                else:
                    taken[place] = True
                    listed.append(self.first + place)
            left = wait
        return listed[:n]

    def worth_correcting(self, n: int, known: Iterable[int] = ()) -> list[int]:
        """Give the frames or slices whose correction tells most of the others, in that order.

        A correction helps its neighbours, too, the nearer the more. Each of these frames is the
        one that takes most from the sum over all frames of doubt times the distance to the nearest
        one that is known, those before it among them. Where none is known it is the most doubtful.

        Parameters
        ----------
        n : int
            How many at most: those without a score are never listed.
        known : iterable of int
            Frames that a person has corrected or verified.
        """
        weights = np.nan_to_num(self.scores).astype(np.float64)
        places = np.arange(len(weights))
        taken = {place for one in known if 0 <= (place := one - self.first) < len(weights)}
        listed: list[int] = []
        for _ in range(n):
            gains = _gains(weights, np.array(sorted(taken))) if taken else weights
            open_ = np.isfinite(self.scores) & ~np.isin(places, list(taken))
            if not open_.any():
                break
            best = int(np.where(open_, gains, -np.inf).argmax())
            taken.add(best)
            listed.append(self.first + best)
        return listed


def _gains(weights: NDArray[np.float64], known: NDArray[np.int_]) -> NDArray[np.float64]:
    """Say how much each place, were it known, would take from the sum of weights times distances.

    Parameters
    ----------
    weights : ndarray, shape (N,)
    known : ndarray of int
        Places in ascending order, at least one; there the gain has no meaning.
    """
    places = np.arange(len(weights))
    after = np.searchsorted(known, places)
    left, right = np.append(-np.inf, known)[after], np.append(known, np.inf)[after]
    nearest = np.minimum(places - left, right - places)
    # Those nearer to a place than to what is known: from `first` up to `stop`.
    first = (np.floor((left + places) / 2) + 1).clip(0).astype(int)
    stop = np.ceil((places + right) / 2).clip(max=len(weights)).astype(int)
    # Sums up to each place: of weights, of these times places, and of these times distances.
    total, moment, cost = (
        np.concatenate([[0.0], np.cumsum(one)])
        for one in (weights, weights * places, weights * nearest)
    )
    before = places * (total[places] - total[first]) - (moment[places] - moment[first])
    behind = (moment[stop] - moment[places]) - places * (total[stop] - total[places])
    return np.asarray(cost[stop] - cost[first] - before - behind)
