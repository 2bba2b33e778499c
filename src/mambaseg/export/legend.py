"""The panel that names the classes in a corner of the picture."""

from __future__ import annotations

import math
import unicodedata

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mambaseg.types import LabelSet

__all__ = ["Legend"]

_PANEL = (0, 0, 0, 150)
_WHITE = (255, 255, 255, 255)
_SMALLEST_TEXT = 10
_LINES_PER_HEIGHT = 32
_FINER = 4
"""The panel is drawn this much larger: small text drawn at its size is spaced unevenly."""
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


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
        size = max(_SMALLEST_TEXT, round(height / _LINES_PER_HEIGHT))
        gap = size // 2
        panel = _draw(label_set, size, width // 2 - gap, height // 2 - gap)
        rows, columns = panel.shape[:2]
        self.box = (slice(height - gap - rows, height - gap), slice(gap, gap + columns))
        if panel.size == 0:
            self.box = (slice(0, 0), slice(0, 0))
        self._weight = panel[..., 3:].astype(np.float32) / 255
        self._color = panel[..., :3] * self._weight

    def draw_on(self, picture: NDArray[np.uint8]) -> None:
        """Lay the panel over a picture, shape (Y, X, 3), in place."""
        under = picture[self.box]
        picture[self.box] = np.rint(self._color + (1 - self._weight) * under).astype(np.uint8)


def _draw(label_set: LabelSet, size: int, widest: int, highest: int) -> NDArray[np.uint8]:
    """Draw the panel, shape (rows, columns, 4), at most `highest` by `widest`."""
    font = ImageFont.load_default(size=size * _FINER)
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
    texts = [_shorten(name, font, room * _FINER) for name in names]

    columns = text_left + math.ceil(max(map(font.getlength, texts)) / _FINER) + pad
    rows = lines * line + pad
    panel = Image.new("RGBA", (columns * _FINER, rows * _FINER), _PANEL)
    pen = ImageDraw.Draw(panel)
    for index, text in enumerate(texts):
        middle = (pad + line) // 2 + index * line
        start = (text_left * _FINER, middle * _FINER)
        # The stroke, a quarter of a pixel, keeps the smallest letters from turning grey.
        pen.text(start, text, _WHITE, font, anchor="lm", stroke_width=1)
        if index < len(shown):
            left, top = pad * _FINER, (middle - size // 2) * _FINER
            side = size * _FINER - 1
            pen.rectangle((left, top, left + side, top + side), (*shown[index].rgb, 255))
    return np.asarray(panel.reduce(_FINER))


def _shorten(name: str, font: _Font, room: int) -> str:
    """Put a name on one line, with an ellipsis where it is wider than `room` pixels."""
    name = _plain(" ".join(name.split()))
    if font.getlength(name) <= room:
        return name
    while name and font.getlength(name + "…") > room:
        name = name[:-1].rstrip()
    return name + "…"


def _plain(name: str) -> str:
    """Spell a name in the letters that the font has: without accents, others as "?"."""
    letters = unicodedata.normalize("NFKD", name)
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return bare.encode("ascii", "replace").decode()
