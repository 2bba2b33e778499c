"""How sure a segmentation is, frame by frame, and which frame to look at next."""

from __future__ import annotations

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
