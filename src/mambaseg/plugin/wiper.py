"""A picture that a slider wipes from an old mask to a new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRect, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPixmap
from qtpy.QtWidgets import QSlider, QVBoxLayout, QWidget

from mambaseg.plugin.notices import report
from mambaseg.plugin.picture import pixmap_of
from mambaseg.session import Worker
from mambaseg.session.tuning_pictures import paint_view
from mambaseg.training.held_out_views import HeldOutView
from mambaseg.types import LabelSet

__all__ = ["Wiper"]

_SIZE = (324, 176)
_STEPS = 200
_TIP = "Left of the line the mask from before, right of it the new one; white: what was verified"


class Wiper(QWidget):
    """Shows the parent's mask left of a line and the new one right of it; hidden without both.

    Parameters
    ----------
    worker : Worker
        Draws.
    guarded : callable
        As of `Panel.guarded`.
    """

    def __init__(self, worker: Worker, guarded: Callable[..., Callable[..., None]]) -> None:
        super().__init__()
        self._worker, self._guarded = worker, guarded
        self._shown: tuple[HeldOutView, LabelSet] | None = None
        self.canvas = _Canvas()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setValue(_STEPS // 2)
        self.slider.setFixedWidth(_SIZE[0])
        self.slider.setToolTip(_TIP)
        self.slider.valueChanged.connect(lambda value: self.canvas.wipe(value / _STEPS))
        self.canvas.dragged.connect(lambda part: self.slider.setValue(round(part * _STEPS)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.canvas)
        layout.addWidget(self.slider)
        self.hide()

    def show_view(self, view: HeldOutView | None, label_set: LabelSet | None) -> None:
        """Show a frame's masks "before" and "kept"."""
        if view is None or label_set is None or not {"before", "kept"} <= set(view.masks):
            self._shown = None
            self.hide()
            return
        if self._shown is not None and self._shown[0] is view:
            return
        self._shown = (view, label_set)
        ratio = self.devicePixelRatioF()
        size = round(_SIZE[0] * ratio), round(_SIZE[1] * ratio)

        def work(task: Any) -> list[NDArray[np.uint8]]:
            stages = ("before", "kept")
            painted = [paint_view(view, label_set, stage, size) for stage in stages]
            return [picture for picture in painted if picture is not None]

        def drawn(both: list[NDArray[np.uint8]]) -> None:
            if self._shown is not None and self._shown[0] is view:
                self.canvas.show_pictures(*map(pixmap_of, both))
                self.show()

        self._worker.submit(work, self._guarded(drawn), self._guarded(report))


class _Canvas(QWidget):
    """The two pictures, and the line between them."""

    dragged = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._old = self._new = QPixmap()
        self._part = 0.5
        self.setFixedSize(*_SIZE)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setToolTip(_TIP)

    def show_pictures(self, old: QPixmap, new: QPixmap) -> None:
        """Show two pictures."""
        self._old, self._new = old, new
        self.update()

    def wipe(self, part: float) -> None:
        """Show the old one in this part of the width, from the left."""
        self._part = part
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw both, each on its side."""
        line = round(self._part * self.width())
        painter = QPainter(self)
        painter.drawPixmap(self.rect(), self._new)
        painter.setClipRect(QRect(0, 0, line, self.height()))
        painter.drawPixmap(self.rect(), self._old)
        painter.setClipping(False)
        painter.fillRect(QRect(line - 1, 0, 2, self.height()), QColor("white"))
        top, where = Qt.AlignmentFlag.AlignTop, self.rect().adjusted(6, 4, -6, -4)
        for text, side in (
            ("before", Qt.AlignmentFlag.AlignLeft),
            ("after", Qt.AlignmentFlag.AlignRight),
        ):
            for color, place in (("black", where.translated(1, 1)), ("white", where)):
                painter.setPen(QColor(color))
                painter.drawText(place, side | top, text)
        painter.end()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Bring the line here."""
        self.dragged.emit(min(max(event.position().x() / max(1, self.width()), 0.0), 1.0))

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take the line along."""
        self.mousePressEvent(event)
