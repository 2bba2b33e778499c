"""Masks between two that are known, by their shapes alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.editing.shapes import blended, signed_distances, to_labels
from mambaseg.types.errors import InvalidOptionError

__all__ = ["interpolate"]

Labels = NDArray[np.integer[Any]]


def interpolate(before: Labels, after: Labels, count: int) -> list[Labels]:
    """Give the masks between two frames or slices, by blending signed distances to the outlines.

    Parameters
    ----------
    before, after : ndarray of int, shape (Y, X)
        Class values, 0 for background.
    count : int
        How many frames lie between them.

    Returns
    -------
    list of ndarray of int, shape (Y, X)
        Of the type of `before`. A class that one of the two lacks ends half-way.

    Raises
    ------
    InvalidOptionError
        If the two differ in shape.
    """
    if before.shape != after.shape:
        raise InvalidOptionError(
            f"Masks of the shapes {before.shape} and {after.shape} cannot be blended: choose two "
            "frames of one clip."
        )
    first, last = signed_distances(before), signed_distances(after)
    steps = ((number + 1) / (count + 1) for number in range(count))
    return [to_labels(blended(first, last, step), before) for step in steps]
