"""Several frames on one picture, each with a caption."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mambaseg.export.composer import FrameComposer
from mambaseg.export.frames import Progress, reported
from mambaseg.export.lettering import text_patch, text_size
from mambaseg.export.style import OverlayStyle
from mambaseg.types import MedicalImage, Segmentation

__all__ = ["contact_sheet", "evenly"]

_GAP = 6
_SHAPE = 1.5
"""Width by height that a sheet comes near to."""


def contact_sheet(
    image: MedicalImage,
    segmentation: Segmentation,
    style: OverlayStyle,
    captions: dict[int, str],
    *,
    before: Segmentation | None = None,
    progress: Progress | None = None,
) -> NDArray[np.uint8]:
    """Compose the overlays of some frames side by side and in rows.

    Parameters
    ----------
    image : MedicalImage
        Axes "CYX", "CTYX" or "CZYX".
    segmentation : Segmentation
        Labels on the image's grid.
    style : OverlayStyle
        How the mask is drawn; the legend stands on the first picture alone.
    captions : dict of int to str
        What stands below each frame, in the order in which they stand.
    before : Segmentation or None
        As of `FrameComposer`.
    progress : callable or None
        Called with (done, total) after each frame.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.

    Raises
    ------
    UnsupportedImageError, InvalidOptionError
        If image, mask, style and frames do not fit together.
    """
    first = FrameComposer(image, segmentation, style, before)
    others = FrameComposer(image, segmentation, replace(style, legend=False), before)
    frames = first.select(tuple(captions))
    height, width = first.size
    text = text_size(height)
    high, wide = height + 2 * text + _GAP, width + _GAP
    columns = _columns(len(frames), high, wide)
    rows = math.ceil(len(frames) / columns)
    sheet = np.zeros((rows * high + _GAP, columns * wide + _GAP, 3), np.uint8)
    pictures = ((first if i == 0 else others).compose(frame) for i, frame in enumerate(frames))
    for i, picture in enumerate(reported(pictures, len(frames), progress)):
        top, left = _GAP + i // columns * high, _GAP + i % columns * wide
        sheet[top : top + height, left : left + width] = picture
        caption = text_patch(captions[frames[i]], text, width, panel=False)
        caption.draw_on(sheet, top + height, left)
    return sheet


def evenly(frames: Sequence[int], count: int) -> list[int]:
    """Choose `count` of some frames at most, evenly spaced, the first and the last among them."""
    if len(frames) <= count:
        return list(frames)
    places = np.linspace(0, len(frames) - 1, count).round().astype(int)
    return [frames[int(place)] for place in places]


def _columns(count: int, high: int, wide: int) -> int:
    """Choose the number of columns whose sheet comes nearest to the wanted shape."""

    def off(columns: int) -> float:
        shape = columns * wide / (math.ceil(count / columns) * high)
        return abs(math.log(shape / _SHAPE))

    return min(range(1, count + 1), key=off)
