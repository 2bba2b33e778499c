"""One mask of a frame beside another: how far they agree, and what lies half-way between."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.editing.shapes import extent, signed_distances, to_labels

__all__ = ["agreement", "half_way"]

Labels = NDArray[np.integer[Any]]


def agreement(found: Labels, true: Labels) -> float:
    """Measure the Dice of all classes together; 1 where neither mask holds any.

    Parameters
    ----------
    found, true : ndarray of int, shape (Y, X)
        Class values, 0 for background.
    """
    size = int(np.count_nonzero(found)) + int(np.count_nonzero(true))
    both = int(np.count_nonzero((found == true) & (true > 0)))
    return 2 * both / size if size else 1.0


def half_way(mask: Labels, other: Labels) -> Labels:
    """Move the outlines of a mask half the way to those of another.

    Parameters
    ----------
    mask, other : ndarray of int, shape (Y, X)
        Class values, 0 for background.

    Returns
    -------
    ndarray of int, shape (Y, X)
        Of the type of `mask`. A class stays as it is unless the two overlap by half of the smaller
        one at least: else it would shrink or vanish between them. None comes in.
    """
    found = np.zeros_like(mask)
    box = extent((mask > 0) | (other > 0), (1, 1))
    mask, other = mask[box], other[box]
    here, there = signed_distances(mask), signed_distances(other)
    for value in here.keys() & there.keys():
        both = np.count_nonzero((mask == value) & (other == value))
        if 2 * both >= min(np.count_nonzero(mask == value), np.count_nonzero(other == value)):
            here[value] = np.mean([here[value], there[value]], axis=0, dtype=np.float32)
    found[box] = to_labels(here, mask)
    return found
