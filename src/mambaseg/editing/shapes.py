"""Masks as signed distances, which can be moved and blended where labels cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Box", "blended", "extent", "signed_distances", "to_labels"]

Labels = NDArray[np.integer[Any]]
Distances = dict[int, NDArray[np.float32]]
Box = tuple[slice, slice]
"""Rows and columns."""


def signed_distances(labels: Labels) -> Distances:
    """Measure how deep inside each class every pixel lies.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X)

    Returns
    -------
    dict of int to ndarray of float32, shape (Y, X)
        For each class that is there the distance to its outline in pixels, negative outside.
    """
    found: Distances = {}
    for value in np.unique(labels[labels > 0]).tolist():
        mask = labels == value
        # Half a pixel, as the outline lies between the last pixel inside and the first outside.
        distances = (0.5 - ndimage.distance_transform_edt(~mask)).astype(np.float32)
        box = extent(mask, (1, 1))
        inside = (ndimage.distance_transform_edt(mask[box]) - 0.5).astype(np.float32)
        np.copyto(distances[box], inside, where=mask[box])
        found[value] = distances
    return found


def extent(mask: NDArray[np.bool_], margin: tuple[int, int]) -> Box:
    """Give the part of a picture that holds a mask (Y, X), and so many more pixels around it.

    An empty mask has an empty part that begins behind the last pixel and ends before the first.
    """
    found = []
    for axis, more in enumerate(margin):
        places, full = np.flatnonzero(mask.any(axis=1 - axis)), mask.shape[axis]
        first, last = (int(places[0]), int(places[-1])) if places.size else (full + more, -1 - more)
        found.append(slice(max(0, first - more), min(full, last + 1 + more)))
    return found[0], found[1]


def blended(before: Distances, after: Distances, fraction: float) -> Distances:
    """Blend two masks' distances; a class that one of them lacks vanishes half-way.

    Parameters
    ----------
    before, after : dict of int to ndarray, shape (Y, X)
    fraction : float
        How much of `after`, from 0 to 1.
    """
    found: Distances = {}
    for value in before.keys() | after.keys():
        a = before[value] if value in before else _nothing(after[value])
        b = after[value] if value in after else _nothing(before[value])
        found[value] = (1 - fraction) * a + fraction * b
    return found


def _nothing(other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stand in for a class that is not there, so far outside as the other is deep."""
    return np.full_like(other, -max(float(other.max()), 1.0))


def to_labels(distances: Distances, like: Labels) -> Labels:
    """Give each pixel the class that it lies deepest in, or 0; shape and type of `like`."""
    labels = np.zeros_like(like)
    deepest = np.zeros(like.shape, np.float32)
    for value in sorted(distances):
        deeper = distances[value] > deepest
        labels[deeper] = value
        deepest[deeper] = distances[value][deeper]
    return labels
