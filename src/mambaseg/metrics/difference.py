"""Where a mask is wrong, pixel by pixel, and a picture of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.labels import LabelClass, LabelSet

__all__ = ["DIFFERENCES", "difference", "paint_difference"]

FALSE_POSITIVE, FALSE_NEGATIVE, WRONG_CLASS, AGREEMENT = 1, 2, 3, 4

DIFFERENCES = LabelSet(
    (
        LabelClass(FALSE_POSITIVE, "false positive", "#FF1FC7"),
        LabelClass(FALSE_NEGATIVE, "false negative", "#2BE516"),
        LabelClass(WRONG_CLASS, "wrong class", "#FFFFFF"),
        LabelClass(AGREEMENT, "agreement", "#4C8BF5"),
    )
)
"""The kinds of difference, in colours that no class has, and that colour-blind readers can tell."""

_OPACITY = {FALSE_POSITIVE: 0.6, FALSE_NEGATIVE: 0.6, WRONG_CLASS: 0.6, AGREEMENT: 0.3}


def difference(
    found: NDArray[Any], true: NDArray[Any], values: Sequence[int], ignore: int
) -> NDArray[np.uint8]:
    """Tell the differences of two masks apart.

    Parameters
    ----------
    found, true : ndarray of int
        Labels of prediction and reference, of equal shape.
    values : sequence of int
        The classes that are looked at; all else counts as background.
    ignore : int
        Value of what the reference does not annotate; there is no difference there.

    Returns
    -------
    ndarray of uint8
        Values of `DIFFERENCES`; 0 where both masks have background.
    """
    p, r = np.isin(found, values), np.isin(true, values)
    kinds = np.zeros(true.shape, np.uint8)
    kinds[p & ~r] = FALSE_POSITIVE
    kinds[r & ~p] = FALSE_NEGATIVE
    kinds[p & r] = WRONG_CLASS
    kinds[p & r & (found == true)] = AGREEMENT
    kinds[true == ignore] = 0
    return kinds


def paint_difference(background: NDArray[np.uint8], kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tint a picture by the kinds of difference.

    Parameters
    ----------
    background : ndarray of uint8, shape (Y, X, 3)
        Red, green, blue; left alone.
    kinds : ndarray of uint8, shape (Y, X)
        As `difference` gives them.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
    """
    painted = background.astype(float)
    for kind in DIFFERENCES.classes:
        inside, opacity = kinds == kind.value, _OPACITY[kind.value]
        painted[inside] = (1 - opacity) * painted[inside] + opacity * np.array(kind.rgb)
    rounded: NDArray[np.uint8] = np.rint(painted).astype(np.uint8)
    return rounded
