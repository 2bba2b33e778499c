"""Small text on dark, half-transparent panels, laid over pictures."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["FINER", "PANEL", "WHITE", "Patch", "font_of", "shorten", "text_patch", "text_size"]

PANEL = (0, 0, 0, 150)
WHITE = (255, 255, 255, 255)
FINER = 4
"""Panels are drawn this much larger: small text drawn at its size is spaced unevenly."""

_SMALLEST_TEXT = 10
_LINES_PER_HEIGHT = 32
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Patch:
    """Pixels that are laid over a picture.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (Y, X, 4)
        Red, green, blue, alpha; empty where there is nothing to lay.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.shape = pixels.shape[:2]
        self._weight = pixels[..., 3:].astype(np.float32) / 255
        self._color = pixels[..., :3] * self._weight

    @classmethod
    def empty(cls) -> Patch:
        """Make one that changes nothing."""
        return cls(np.zeros((0, 0, 4), np.uint8))

    def draw_on(self, picture: NDArray[np.uint8], top: int, left: int) -> None:
        """Lay it over a picture, shape (Y, X, 3), in place; nothing where it does not fit."""
        rows, columns = self.shape
        height, width = picture.shape[:2]
        if min(top, left) < 0 or top + rows > height or left + columns > width:
            return
        under = picture[top : top + rows, left : left + columns]
        under[:] = np.rint(self._color + (1 - self._weight) * under).astype(np.uint8)


def text_size(height: int) -> int:
    """Give the size of text, in pixels, that suits a picture of this height."""
    return max(_SMALLEST_TEXT, round(height / _LINES_PER_HEIGHT))


def font_of(size: int) -> _Font:
    """Give Pillow's own font, which needs none on the system, `FINER` times as large."""
    return ImageFont.load_default(size=size * FINER)


def text_patch(
    text: str, size: int, widest: int, *, as_wide_as: Sequence[str] = (), panel: bool = True
) -> Patch:
    """Draw one line of text.

    Parameters
    ----------
    text : str
        Ends in an ellipsis where there is no room for it.
    size : int
        Of the text, in pixels.
    widest : int
        Columns that there are for it; with room for less than three letters
        the patch is empty.
    as_wide_as : sequence of str
        Texts that the panel has room for too, so that it stands still in a film.
    panel : bool
        Draw on a dark panel; else on nothing.
    """
    font, pad = font_of(size), size // 2
    room = widest - 2 * pad
    if room < 3 * size:
        return Patch.empty()
    text = shorten(text, font, room * FINER)
    longest = max(font.getlength(shorten(one, font, room * FINER)) for one in (text, *as_wide_as))
    columns, rows = math.ceil(longest / FINER) + 2 * pad, round(size * 1.4) + pad
    ground = Image.new("RGBA", (columns * FINER, rows * FINER), PANEL if panel else (0, 0, 0, 0))
    pen = ImageDraw.Draw(ground)
    # The stroke, a quarter of a pixel, keeps the smallest letters from turning grey.
    place = (pad * FINER, rows * FINER // 2)
    pen.text(place, text, WHITE, font, anchor="lm", stroke_width=1)
    return Patch(np.asarray(ground.reduce(FINER)))


def shorten(name: str, font: _Font, room: int) -> str:
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
