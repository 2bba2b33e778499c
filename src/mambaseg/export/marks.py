"""What is measured on a picture: a scale bar in millimetres, and the time."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mambaseg.export.lettering import (
    FINER,
    PANEL,
    WHITE,
    Patch,
    font_of,
    text_patch,
    text_size,
)
from mambaseg.export.style import OverlayStyle
from mambaseg.types import Geometry

__all__ = ["Marks", "round_length"]

_ROUND = (5, 2, 1)
_LEAST_LINES = 6
"""A picture in which fewer lines of text find room has no marks."""


class Marks:
    """A scale bar in the lower right corner and the time in the upper right one.

    Each is drawn where it is asked for, what it says is known, and the picture
    has room for it.

    Parameters
    ----------
    geometry : Geometry
        Of the image.
    style : OverlayStyle
        Its `scale_bar`, `time_stamp` and `scale`.
    height, width : int
        Size of the pictures in pixels.

    Attributes
    ----------
    length_mm : float or None
        What the bar stands for; None where there is none.
    """

    def __init__(self, geometry: Geometry, style: OverlayStyle, height: int, width: int) -> None:
        self._size = text_size(height)
        has_room = height > _LEAST_LINES * self._size
        self._times = geometry.frame_times_s if style.time_stamp and has_room else None
        self._decimals = _decimals(self._times or ())
        self.length_mm: float | None = None
        self._bar = Patch.empty()
        if style.scale_bar and geometry.spacing_mm is not None and has_room:
            per_mm = style.scale / geometry.spacing_mm[-1]
            length = round_length(width / 4 / per_mm)
            self._bar = _draw_bar(f"{length:g} mm", round(length * per_mm), self._size, width // 2)
            self.length_mm = length if self._bar.shape[0] else None
        self._gap = self._size // 2

    def draw_on(self, picture: NDArray[np.uint8], frame: int) -> None:
        """Lay them over the picture of a frame, shape (Y, X, 3), in place."""
        height, width = picture.shape[:2]
        rows, columns = self._bar.shape
        self._bar.draw_on(picture, height - self._gap - rows, width - self._gap - columns)
        if self._times is not None:
            time = text_patch(
                self._text(self._times[frame]),
                self._size,
                width // 2 - self._gap,
                as_wide_as=(self._text(self._times[0]), self._text(self._times[-1])),
            )
            time.draw_on(picture, self._gap, width - self._gap - time.shape[1])

    def _text(self, seconds: float) -> str:
        return f"{seconds:.{self._decimals}f} s"


def round_length(longest: float) -> float:
    """Give the largest of ..., 0.5, 1, 2, 5, 10, ... that is not above a length."""
    power = 10.0 ** math.floor(math.log10(longest))
    return next((digit * power for digit in _ROUND if digit * power <= longest), power)


def _decimals(times: tuple[float, ...]) -> int:
    """How many decimals tell neighbouring frames apart; two at least."""
    shortest = min((later - earlier for earlier, later in pairwise(times)), default=1.0)
    return max(2, min(6, math.ceil(-math.log10(shortest))))


def _draw_bar(text: str, length: int, size: int, widest: int) -> Patch:
    """Draw a bar of `length` pixels below its text; nothing where there is no room."""
    font, pad, thick = font_of(size), size // 2, max(2, size // 4)
    inner = max(length, math.ceil(font.getlength(text) / FINER))
    columns, line = inner + 2 * pad, round(size * 1.4)
    if columns > widest or length < size:
        return Patch.empty()
    rows = pad + line + thick + pad
    panel = Image.new("RGBA", (columns * FINER, rows * FINER), PANEL)
    pen = ImageDraw.Draw(panel)
    middle = columns * FINER // 2
    pen.text((middle, (pad + line // 2) * FINER), text, WHITE, font, anchor="mm", stroke_width=1)
    left, top = (columns - length) // 2 * FINER, (pad + line) * FINER
    pen.rectangle((left, top, left + length * FINER - 1, top + thick * FINER - 1), WHITE)
    return Patch(np.asarray(panel.reduce(FINER)))
