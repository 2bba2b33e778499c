"""The cells of the map of frames: what each state looks like, and a key to them."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtGui import QColor, QPainter, QPixmap, QPolygon
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from mambaseg.plugin.correction import State

__all__ = ["Cell", "Legend", "paint_cell"]

_COLORS: dict[State, str] = {
    "verified": "#009E73",
    "changed": "#009E73",
    "edited": "#E69F00",
    "saving": "#56B4E9",
    "unverified": "#8a8f98",
}
_DOUBT = "#CC79A7"

_WORDS: dict[State, str] = {
    "verified": "verified",
    "changed": "verified with another mask than this one",
    "edited": "corrected, not verified",
    "saving": "being saved",
    "unverified": "as predicted",
}


@dataclass(frozen=True)
class Cell:
    """What the map shows of one frame.

    Parameters
    ----------
    state : State
    seen : bool
        Whether somebody has looked at it.
    doubtful : bool
        Whether the model was in doubt of it.
    """

    state: State
    seen: bool = True
    doubtful: bool = False

    def __str__(self) -> str:
        words = [_WORDS[self.state]]
        if self.state == "unverified":
            words.append("looked at" if self.seen else "not looked at")
        if self.doubtful:
            words.append("doubtful")
        return ", ".join(words)


def paint_cell(painter: QPainter, place: QRect, cell: Cell) -> None:
    """Paint a cell; states differ in shape too, for those who cannot tell the colours."""
    color = QColor(_COLORS[cell.state])
    frame = place.adjusted(0, 0, -1, -1)
    painter.setPen(color)
    if cell.state == "edited":  # a half: there is something left to do
        painter.drawRect(frame)
        corners = [place.bottomLeft(), place.topLeft(), place.bottomRight()]
        painter.setBrush(color)
        painter.drawPolygon(QPolygon(corners))
        painter.setBrush(Qt.BrushStyle.NoBrush)
    elif cell.state == "unverified":
        if cell.seen:
            color.setAlpha(130)
            painter.fillRect(place, color)
        else:
            painter.drawRect(frame)
    else:
        painter.fillRect(place, color)
    inner = max(1, place.width() // 4)
    if cell.state == "changed":  # a hole: what is verified is not what is seen
        hole = place.adjusted(inner, inner, -inner, -inner)
        painter.fillRect(hole, QColor(_COLORS["edited"]))
    if cell.doubtful:
        _paint_diamond(
            painter, place.adjusted(inner // 2, inner // 2, -(inner // 2), -(inner // 2))
        )


def _paint_diamond(painter: QPainter, place: QRect) -> None:
    x, y = place.center().x(), place.center().y()
    corners = [(x, place.top()), (place.right(), y), (x, place.bottom()), (place.left(), y)]
    painter.setPen(QColor(_DOUBT))
    painter.setBrush(QColor(_DOUBT))
    painter.drawPolygon(QPolygon([QPoint(*corner) for corner in corners]))
    painter.setBrush(Qt.BrushStyle.NoBrush)


class Legend(QWidget):
    """Says what the cells stand for."""

    _ENTRIES = (
        (Cell("unverified", seen=False), "predicted", "The model's mask, not looked at yet"),
        (Cell("unverified"), "looked at", "It was on the screen for a moment; nothing was changed"),
        (
            Cell("unverified", seen=False, doubtful=True),
            "doubtful",
            "The model was in most doubt of this frame, and nobody has corrected or verified it",
        ),
        (Cell("edited"), "corrected", "Somebody changed the mask, and has not verified it"),
        (Cell("verified"), "verified", "Somebody vouches for the mask; it is kept on disk"),
        (Cell("changed"), "verified other", f"It is {_WORDS['changed']}"),
    )
    _SIDE, _PER_ROW = 12, 3

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(5)
        grid.setVerticalSpacing(2)
        for number, (cell, word, tip) in enumerate(self._ENTRIES):
            row, column = divmod(number, self._PER_ROW)
            picture, text = QLabel(), QLabel(word)
            picture.setPixmap(self._pixmap(cell))
            for part in (picture, text):
                part.setToolTip(tip)
            grid.addWidget(picture, row, 2 * column)
            grid.addWidget(text, row, 2 * column + 1)
            grid.setColumnStretch(2 * column + 1, 1)

    def _pixmap(self, cell: Cell) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(round(self._SIDE * ratio), round(self._SIDE * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        paint_cell(painter, QRect(0, 0, self._SIDE, self._SIDE), cell)
        painter.end()
        return pixmap
