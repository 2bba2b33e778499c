"""One class of a mask made larger, smaller, smoother or whole; the other classes stay as they are.

Each function takes labels with any number of spatial axes, such as (Y, X) or (Z, Y, X), and gives
new ones of the same shape and type. What a class gains was background; what it loses becomes that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["fill_holes", "grow", "keep_largest", "shrink", "smooth"]

Labels = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]


def grow(labels: Labels, value: int, radius: float = 1.0) -> Labels:
    """Add the background within `radius` pixels of a class to it."""
    return _changed(
        labels, value, radius + 1, lambda mask: ndimage.distance_transform_edt(~mask) <= radius
    )


def shrink(labels: Labels, value: int, radius: float = 1.0) -> Labels:
    """Take off a class what lies within `radius` pixels of anything else; the edge is nothing."""
    return _changed(labels, value, 1, lambda mask: ndimage.distance_transform_edt(mask) > radius)


def smooth(labels: Labels, value: int, radius: float = 2.0) -> Labels:
    """Round off corners and spikes of a class that are smaller than about `radius` pixels.

    Its outline becomes the half-way line of its blurred mask.
    """

    def rounded(mask: Mask) -> Mask:
        blurred = ndimage.gaussian_filter(mask.astype(np.float32), radius, mode="nearest")
        return np.asarray(blurred > 0.5)

    return _changed(labels, value, 4 * radius + 1, rounded)  # the filter reaches that far


def fill_holes(labels: Labels, value: int) -> Labels:
    """Add the background that a class surrounds to it."""
    return _changed(labels, value, 0, ndimage.binary_fill_holes)


def keep_largest(labels: Labels, value: int) -> Labels:
    """Keep the largest connected part of a class; parts that touch at a corner are one."""

    def largest(mask: Mask) -> Mask:
        parts, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
        if count < 2:
            return mask
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        return np.asarray(parts == sizes.argmax())

    return _changed(labels, value, 0, largest)


def _changed(labels: Labels, value: int, margin: float, wanted: Callable[[Mask], Mask]) -> Labels:
    """Have a class look otherwise; only the box around it is computed."""
    mask, found = labels == value, labels.copy()
    if not mask.any():
        return found
    box = tuple(_reach(mask, axis, math.ceil(margin)) for axis in range(labels.ndim))
    part, inside = mask[box], found[box]
    now = wanted(part)
    inside[part & ~now] = 0
    inside[now & (labels[box] == 0)] = value
    return found


def _reach(mask: Mask, axis: int, margin: int) -> slice:
    others = tuple(one for one in range(mask.ndim) if one != axis)
    places = np.flatnonzero(mask.any(axis=others))
    return slice(max(0, int(places[0]) - margin), int(places[-1]) + 1 + margin)
