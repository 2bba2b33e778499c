"""A map of frames: a cell for each, in the colour of its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, QPoint, QRect, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from mambaseg.plugin.correction import State
from mambaseg.plugin.frame_cells import Cell, paint_cell

__all__ = ["FrameMap"]

_HOW = "Click to show it; drag, or Shift and click, to mark a run of frames"

_LEFT = 34  # room for the number of a row's first frame
_CELL, _LEAST_CELL, _GAP = 16, 7, 2
_TALLEST = 220
_MARK = "#5b7be0"  # stands out in the dark theme and in the light one


class FrameMap(QWidget):
    """Rows of cells, as many as the width has room for.

    A click on one asks for its frame. Dragging over several, or a click with Shift, marks a run
    of frames, from the one before to this one.

    Signals
    -------
    frame_clicked : int
    run_marked : range
        Empty where none is marked any more.
    """

    frame_clicked = Signal(int)
    run_marked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._cells: Sequence[Cell] = ()
        self._shown = self._anchor = 0
        self._marked = range(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    @property
    def states(self) -> list[State]:
        """State of every frame."""
        return [cell.state for cell in self._cells]

    @property
    def cells(self) -> list[Cell]:
        """What it shows."""
        return list(self._cells)

    def show_cells(self, cells: Sequence[Cell], shown: int) -> None:
        """Show what is known of every frame, and which frame the viewer shows."""
        longer = len(cells) != len(self._cells)
        self._cells, self._shown = cells, shown
        if longer:
            self._fit()
        self.update()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take the height of all rows; fewer cells in a row make more rows."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        cell, per_row = self._layout_of(self.width())
        self.setFixedHeight(-(-max(1, len(self._cells)) // per_row) * cell + _GAP)

    def cell_of(self, frame: int) -> QRect:
        """Give the place of a frame's cell."""
        cell, per_row = self._layout_of(self.width())
        row, column = divmod(frame, per_row)
        return QRect(_LEFT + column * cell, row * cell, cell - _GAP, cell - _GAP)

    def _layout_of(self, width: int) -> tuple[int, int]:
        """Side of a cell, and how many stand in a row: multiples of five are easy to count."""
        for cell in range(_CELL, _LEAST_CELL - 1, -1):
            per_row = max(5, (width - _LEFT) // cell // 5 * 5)
            if -(-len(self._cells) // per_row) * cell <= _TALLEST:
                break
        return cell, per_row

    def _frame_at(self, point: QPoint) -> int | None:
        cell, per_row = self._layout_of(self.width())
        column, row = (point.x() - _LEFT) // cell, point.y() // cell
        frame = row * per_row + column
        inside = 0 <= column < per_row and 0 <= frame < len(self._cells)
        return int(frame) if inside else None

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Paint the cells."""
        painter = QPainter(self)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        _, per_row = self._layout_of(self.width())
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        for frame, cell in enumerate(self._cells):
            place = self.cell_of(frame)
            if frame % per_row == 0:
                painter.setPen(text)
                number = QRect(0, place.top() - 2, _LEFT - 6, place.height() + 4)
                flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(number, int(flags), str(frame))
            paint_cell(painter, place, cell)
            if frame in self._marked:
                painter.setPen(QColor(_MARK))
                painter.drawRect(place.adjusted(-1, -1, 0, 0))
            if frame == self._shown:
                pen = painter.pen()
                pen.setColor(text)
                pen.setWidth(2)
                painter.setPen(pen)
                painter.drawRect(place.adjusted(0, 0, -1, -1))

    def mark(self, frames: range) -> None:
        """Mark a run of frames; none where it is empty."""
        if frames != self._marked:
            self._marked = frames
            self.run_marked.emit(frames)
            self.update()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Ask for the frame under the mouse; with Shift, mark the run up to it."""
        frame = self._frame_at(event.position().toPoint())
        if frame is None:
            return
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._mark_to(self._shown, frame)
        else:
            self._anchor = frame
            self.mark(range(0))
        self.frame_clicked.emit(frame)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Mark the run that the mouse is dragged over."""
        frame = self._frame_at(event.position().toPoint())
        dragged = event.buttons() & Qt.MouseButton.LeftButton
        if dragged and frame is not None and (self._marked or frame != self._anchor):
            self._mark_to(self._anchor, frame)

    def _mark_to(self, start: int, stop: int) -> None:
        self._anchor = start
        self.mark(range(min(start, stop), max(start, stop) + 1))

    def event(self, event: QEvent | None) -> bool:
        """Say in a tool tip what a cell stands for."""
        if event is not None and event.type() == QEvent.Type.ToolTip:
            point: Any = event
            frame = self._frame_at(point.pos())
            text = f"Frame {frame}: {self._cells[frame]}\n{_HOW}" if frame is not None else ""
            QToolTip.showText(point.globalPos(), text, self)
            return True
        return super().event(event)
