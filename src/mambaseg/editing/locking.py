"""Classes that nothing is to change."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["with_locked"]

Labels = NDArray[np.integer[Any]]


def with_locked(before: Labels, wanted: Labels, locked: Collection[int]) -> Labels:
    """Take over a mask, but leave locked classes exactly where they are.

    Parameters
    ----------
    before, wanted : ndarray of int, one shape
        What a mask holds, and what it is to hold.
    locked : collection of int
        Values of the classes that neither lose nor gain a pixel.

    Returns
    -------
    ndarray of int
        Of the type of `before`. Where `wanted` has a locked class that was not there, background.
    """
    found = wanted.astype(before.dtype, copy=True)
    if locked:
        values = list(locked)
        found[np.isin(found, values)] = 0
        kept = np.isin(before, values)
        found[kept] = before[kept]
    return found
