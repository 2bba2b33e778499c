"""The panel that names the classes in a corner of the picture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mambaseg.export.lettering import FINER, PANEL, WHITE, Patch, font_of, shorten, text_size
from mambaseg.types import LabelSet

__all__ = ["Legend"]


class Legend:
    """Swatches and names of the classes on a dark, half-transparent panel.

    The panel stands in the lower left corner, is as large as its text and takes
    at most half the picture's width and height: longer names end in an
    ellipsis, and classes without room are counted in a last line. A picture too
    small for one legible line gets no legend. Pillow's own font, which needs no
    font on the system, has plain Latin letters only.

    Parameters
    ----------
    label_set : LabelSet
        The classes, all of them named whether or not a frame shows them, so
        that the panel stands still in a film.
    height, width : int
        Size of the pictures in pixels.

    Attributes
    ----------
    box : tuple of slice
        Rows and columns that the panel covers; empty without a panel.
    """

    def __init__(self, label_set: LabelSet, height: int, width: int) -> None:
        size = text_size(height)
        gap = size // 2
        self._patch = Patch(_draw(label_set, size, width // 2 - gap, height // 2 - gap))
        rows, columns = self._patch.shape
        self.box = (slice(height - gap - rows, height - gap), slice(gap, gap + columns))
        if 0 in self._patch.shape:
            self.box = (slice(0, 0), slice(0, 0))

    def draw_on(self, picture: NDArray[np.uint8]) -> None:
        """Lay the panel over a picture, shape (Y, X, 3), in place."""
        self._patch.draw_on(picture, self.box[0].start, self.box[1].start)


def _draw(label_set: LabelSet, size: int, widest: int, highest: int) -> NDArray[np.uint8]:
    """Draw the panel, shape (rows, columns, 4), at most `highest` by `widest`."""
    font = font_of(size)
    pad, line = size // 2, round(size * 1.4)
    text_left = pad + size + pad
    room = widest - text_left - pad
    lines = min(len(label_set.classes), (highest - pad) // line)
    if lines < 1 or room < 3 * size:
        return np.zeros((0, 0, 4), np.uint8)

    shown = label_set.classes
    if lines < len(shown):
        shown = shown[: lines - 1]
    names = [label.name for label in shown]
    if len(names) < len(label_set.classes):
        names.append(f"+{len(label_set.classes) - len(names)} more")
    texts = [shorten(name, font, room * FINER) for name in names]

    columns = text_left + math.ceil(max(map(font.getlength, texts)) / FINER) + pad
    rows = lines * line + pad
    panel = Image.new("RGBA", (columns * FINER, rows * FINER), PANEL)
    pen = ImageDraw.Draw(panel)
    for index, text in enumerate(texts):
        middle = (pad + line) // 2 + index * line
        start = (text_left * FINER, middle * FINER)
        # The stroke, a quarter of a pixel, keeps the smallest letters from turning grey.
        pen.text(start, text, WHITE, font, anchor="lm", stroke_width=1)
        if index < len(shown):
            left, top = pad * FINER, (middle - size // 2) * FINER
            side = size * FINER - 1
            pen.rectangle((left, top, left + side, top + side), (*shown[index].rgb, 255))
    return np.asarray(panel.reduce(FINER))
