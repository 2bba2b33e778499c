"""Colour a picture's pixels by their labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.export.style import OverlayStyle
from mambaseg.types import LabelSet

__all__ = ["paint"]


def paint(
    picture: NDArray[np.uint8],
    labels: NDArray[Any],
    label_set: LabelSet,
    style: OverlayStyle,
) -> NDArray[np.uint8]:
    """Tint or outline the classes of a picture.

    Values that are no class (background, "not annotated") leave their pixels
    exactly as they were.

    Parameters
    ----------
    picture : ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.
    labels : ndarray of int, shape (Y, X)
        The class of each pixel.
    label_set : LabelSet
        The classes' values and colours.
    style : OverlayStyle
        Its `mode`, and `opacity` or `contour_width`.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        The coloured picture; `picture` itself is left alone.
    """
    classes = np.where(np.isin(labels, list(label_set.names)), labels, 0).astype(np.uint8)
    colors = np.zeros((256, 3), np.uint8)
    for label in label_set.classes:
        colors[label.value] = label.rgb

    painted = picture.copy()
    if style.mode == "contour":
        inside = _contour(classes, style.contour_width)
        painted[inside] = colors[classes[inside]]
    else:
        inside = classes > 0
        mixed = (1 - style.opacity) * picture[inside] + style.opacity * colors[classes[inside]]
        painted[inside] = np.rint(mixed).astype(np.uint8)
    return painted


def _contour(classes: NDArray[np.uint8], width: int) -> NDArray[np.bool_]:
    """Pixels of a class within `width` of another class or the background."""
    # Imported here: it takes longer than the rest of the room.
    from skimage.morphology import isotropic_dilation
    from skimage.segmentation import find_boundaries

    band = find_boundaries(classes, mode="inner")  # type: ignore[no-untyped-call]
    if width > 1:
        band = isotropic_dilation(band, width - 1)  # type: ignore[no-untyped-call]
    inside: NDArray[np.bool_] = band & (classes > 0)
    return inside
