"""One class of a mask made larger, smaller, smoother or whole; the other classes stay as they are.

Each function takes labels with any number of spatial axes, such as (Y, X) or (Z, Y, X), and gives
new ones of the same shape and type. What a class gains was background; what it loses becomes that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["fill_holes", "grow", "keep_largest", "shrink", "smooth"]

Labels = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]


def grow(labels: Labels, value: int, radius: float = 1.0) -> Labels:
    """Add the background within `radius` pixels of a class to it."""
    mask = labels == value
    if not mask.any():
        return labels.copy()
    return _changed(labels, value, ndimage.distance_transform_edt(~mask) <= radius)


def shrink(labels: Labels, value: int, radius: float = 1.0) -> Labels:
    """Take off a class what lies within `radius` pixels of anything else; the edge is nothing."""
    mask = labels == value
    return _changed(labels, value, ndimage.distance_transform_edt(mask) > radius)


def smooth(labels: Labels, value: int, radius: float = 2.0) -> Labels:
    """Round off corners and spikes of a class that are smaller than about `radius` pixels.

    Its outline becomes the half-way line of its blurred mask.
    """
    mask = labels == value
    blurred = ndimage.gaussian_filter(mask.astype(np.float32), radius, mode="nearest")
    return _changed(labels, value, blurred > 0.5)


def fill_holes(labels: Labels, value: int) -> Labels:
    """Add the background that a class surrounds to it."""
    return _changed(labels, value, ndimage.binary_fill_holes(labels == value))


def keep_largest(labels: Labels, value: int) -> Labels:
    """Keep the largest connected part of a class; parts that touch at a corner are one."""
    mask = labels == value
    parts, count = ndimage.label(mask, np.ones((3,) * labels.ndim))
    if count < 2:
        return labels.copy()
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return _changed(labels, value, parts == sizes.argmax())


def _changed(labels: Labels, value: int, wanted: Mask) -> Labels:
    mask = labels == value
    found = labels.copy()
    found[mask & ~wanted] = 0
    found[wanted & (labels == 0)] = value
    return found
