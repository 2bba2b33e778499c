"""Pictures of what a fine-tuning finds on held-out frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mambaseg.export.painting import paint
from mambaseg.export.style import OverlayStyle
from mambaseg.training.held_out_views import HeldOutView
from mambaseg.types import LabelSet

__all__ = ["paint_view"]

_FOUND = OverlayStyle(mode="fill", opacity=0.45)
_TRUTH = OverlayStyle(mode="contour")
_WHITE = "#FFFFFF"
_MARGIN = 0.35
_LEAST = 0.25


def paint_view(
    view: HeldOutView, label_set: LabelSet, stage: str, size: tuple[int, int]
) -> NDArray[np.uint8] | None:
    """Draw what was found on a frame, and the verified mask's outline in white, from near.

    Parameters
    ----------
    view : HeldOutView
    label_set : LabelSet
    stage : str
        Whose mask: one of `held_out_views.STAGES`.
    size : tuple of int
        Width and height of the picture in pixels.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3), or None
        Black beside the frame, the same part of it at every stage; None where there is no such
        mask.
    """
    if stage not in view.masks:
        return None
    box = _box(view, label_set, size)

    def seen(array: NDArray[np.uint8], how: Image.Resampling) -> NDArray[np.uint8]:
        return np.asarray(
            Image.fromarray(array).transform(size, Image.Transform.EXTENT, box, resample=how)
        )

    # Masks at the size that is shown, so that outlines are one pixel wide.
    found, truth = (
        seen(mask, Image.Resampling.NEAREST) for mask in (view.masks[stage], view.truth)
    )
    white = LabelSet(tuple(replace(label, color=_WHITE) for label in label_set.classes))
    picture = seen(view.picture, Image.Resampling.BICUBIC)
    return paint(paint(picture, found, label_set, _FOUND), truth, white, _TRUTH)


def _box(
    view: HeldOutView, label_set: LabelSet, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Give the part, x and y from and x and y to, around all masks, of a size's proportions."""
    height, width = view.truth.shape
    drawn = np.zeros((height, width), bool)
    for mask in (view.truth, *view.masks.values()):
        drawn |= np.isin(mask, list(label_set.names))
    y, x = np.nonzero(drawn if drawn.any() else ~drawn)
    wide = max((x.max() - x.min() + 1) * (1 + 2 * _MARGIN), _LEAST * width)
    high = max((y.max() - y.min() + 1) * (1 + 2 * _MARGIN), _LEAST * height)
    wide, high = max(wide, high * size[0] / size[1]), max(high, wide * size[1] / size[0])
    scale = min(1.0, max(width / wide, height / high))  # no larger than the frame needs
    left = _within((x.min() + x.max() + 1) / 2, wide * scale, width)
    top = _within((y.min() + y.max() + 1) / 2, high * scale, height)
    return left, top, left + wide * scale, top + high * scale


def _within(middle: float, length: float, whole: int) -> float:
    """Give where a stretch begins that stays inside, or else lies evenly over it."""
    if length >= whole:
        return (whole - length) / 2
    return float(min(max(middle - length / 2, 0), whole - length))
