"""A plot in a panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.compat import isalive
from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QLabel, QSizePolicy

from mambaseg.plugin.notices import report
from mambaseg.session import Canvas, Drawing, Worker

if TYPE_CHECKING:
    import napari

__all__ = ["Plot"]

Draw = Callable[[Canvas], Drawing]


class Plot(QLabel):
    """Shows what a function draws, in napari's colours; drawn in the background.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose theme.
    worker : Worker
        Draws.
    height : int
        In pixels.
    """

    clicked = Signal(float)
    """The place on the horizontal axis."""

    def __init__(self, viewer: napari.Viewer, worker: Worker, height: int) -> None:
        super().__init__()
        self._viewer, self._worker = viewer, worker
        self._draw: Draw | None = None
        self._drawing: Drawing | None = None
        self._busy = self._again = False
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(60)
        self._soon.timeout.connect(self._start)
        viewer.events.theme.connect(self._theme_changed)
        self.hide()

    @property
    def drawing(self) -> Drawing | None:
        """What is shown."""
        return self._drawing

    def show_plot(self, draw: Draw) -> None:
        """Show what a function draws; it is called in another thread, with data of its own."""
        self._draw = draw
        self.show()
        self._soon.start()

    def _theme_changed(self, event: object = None) -> None:
        if isalive(self):
            self._soon.start()

    def _start(self) -> None:
        """Draw, unless a drawing is under way, which is then followed by another."""
        draw = self._draw
        if draw is None or not self.isVisible() or self.width() < 100:
            return
        if self._busy:
            self._again = True
            return
        self._busy, self._again = True, False
        theme = get_theme(self._viewer.theme)
        canvas = Canvas(
            self.width(),
            self.height(),
            self.devicePixelRatioF(),
            theme.background.as_hex("long"),
            theme.text.as_hex("long"),
        )
        self._worker.submit(lambda task: draw(canvas), self._drawn, self._failed)

    def _drawn(self, drawing: Drawing) -> None:
        if not isalive(self):
            return
        self._busy, self._drawing = False, drawing
        height, width, _ = drawing.pixels.shape
        form = QImage.Format.Format_RGBA8888
        picture = QImage(drawing.pixels.tobytes(), width, height, 4 * width, form).copy()
        picture.setDevicePixelRatio(self.devicePixelRatioF())
        self.setPixmap(QPixmap.fromImage(picture))
        if self._again:
            self._soon.start()

    def _failed(self, error: Exception) -> None:
        if isalive(self):
            self._busy = False
            report(error)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw again at the new width."""
        super().resizeEvent(event)
        self._soon.start()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw what changed while it was hidden."""
        super().showEvent(event)
        self._soon.start()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Tell the place that was clicked on."""
        if self._drawing is not None:
            place = self._drawing.x_at(event.position().x() / max(1, self.width()))
            if place is not None:
                self.clicked.emit(place)
