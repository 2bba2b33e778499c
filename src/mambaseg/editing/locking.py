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
        Of the type of `before`. What is a locked class, or would become one, stays as it was.
    """
    if not locked:
        return wanted.astype(before.dtype)
    values = list(locked)
    stays = np.isin(before, values) | np.isin(wanted, values)
    found = before.copy()
    found[~stays] = wanted[~stays]
    return found
