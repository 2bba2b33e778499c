"""One mask of a frame beside another: how far they agree, and what lies half-way between."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.editing.shapes import signed_distances, to_labels

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
        Of the type of `mask`. A class that `other` lacks stays as it is, and one that `mask`
        lacks does not come in.
    """
    here, there = signed_distances(mask), signed_distances(other)
    for value in here.keys() & there.keys():
        here[value] = np.mean([here[value], there[value]], axis=0, dtype=np.float32)
    return to_labels(here, mask)
