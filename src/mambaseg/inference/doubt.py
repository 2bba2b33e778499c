"""How sure a segmentation is, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Doubt"]


@dataclass(frozen=True, eq=False)
class Doubt:
    """Scores that say which frames or slices a person should look at.

    Parameters
    ----------
    unit : {"frames", "slices"}
        What the scores are of.
    first : int
        Frame or slice of the first score.
    scores : ndarray, shape (N,), float32
        From 0 (sure) to 1.
    entropy, disagreement, jump : ndarray, shape (N,), float32, or None
        What the scores are made of: entropy at the borders, disagreement of
        overlapping or mirrored passes, and jumps of area or position. None
        where a run has none of that kind.
    """

    unit: Literal["frames", "slices"]
    first: int
    scores: NDArray[np.float32]
    entropy: NDArray[np.float32] | None = None
    disagreement: NDArray[np.float32] | None = None
    jump: NDArray[np.float32] | None = None

    def ranked(self, n: int | None = None) -> list[int]:
        """Give the `n` frames or slices in most doubt (None: all), worst first."""
        order = np.argsort(-self.scores, kind="stable")[:n]
        return [self.first + int(place) for place in order]
