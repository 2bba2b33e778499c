"""What all panels have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import (
    QDockWidget,
    QFrame,
    QMainWindow,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mambaseg.plugin.help import add_help, help_button
from mambaseg.plugin.keeping import keep_masks
from mambaseg.plugin.sessions import session_of
from mambaseg.plugin.tour import offer_tour

if TYPE_CHECKING:
    import napari

__all__ = ["Panel"]

_LEAST_WIDTH = 340
_SETTLED_MS = 1000


class Panel(QWidget):
    """A dock widget whose content scrolls where the window is low.

    Opened beside another of ours it becomes a tab, so that each has the whole height.

    Parameters
    ----------
    viewer : napari.Viewer
        Where it stands.

    Attributes
    ----------
    session : Session
        What it shares with the viewer's other panels; it ends with the window.
    body : QVBoxLayout
        Where the content goes, from the top.
    help : QToolButton
        Opens the list of keys.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.session = session_of(viewer)
        keep_masks(viewer)
        add_help(viewer)
        viewer.layers.events.removing.connect(self._hold_canvas)
        self._placed = False
        content = QWidget()
        outer = QVBoxLayout(content)
        outer.setContentsMargins(8, 8, 8, 8)
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        outer.addLayout(self.body)
        outer.addStretch(1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(scroll)
        self.help = help_button(viewer)
        whole.addWidget(self.help, alignment=Qt.AlignmentFlag.AlignRight)
        self._content, self._scroll = content, scroll
        content.installEventFilter(self)
        self.setMinimumHeight(200)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _hold_canvas(self, event: object = None) -> None:
        """Make the canvas's OpenGL context the current one.

        napari frees a removed layer's buffers in whatever context is current;
        freed in another one, the next drawing crashes.
        """
        window = self.window() if isalive(self) else None
        for canvas in window.findChildren(QOpenGLWidget) if window is not None else ():
            if canvas.isValid():
                canvas.makeCurrent()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take its place in the window that it stands in."""
        super().showEvent(event)
        self._fit_width()
        QTimer.singleShot(0, self.guarded(self._become_a_tab))  # once napari has docked it
        QTimer.singleShot(_SETTLED_MS, self.guarded(lambda: offer_tour(self._viewer)))

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802 - Qt's name
        """Grow with what comes into sight: the scroll area would cut it off."""
        if event.type() == QEvent.Type.LayoutRequest and self.isVisible():
            self._fit_width()
        return False

    def _fit_width(self) -> None:
        bar = self._scroll.verticalScrollBar()
        room = bar.sizeHint().width() if bar is not None else 0
        width = self._content.minimumSizeHint().width() + room
        self.setMinimumWidth(max(_LEAST_WIDTH, self.minimumWidth(), width))

    def _become_a_tab(self) -> None:
        """Join the first panel of ours that stands in the same place, once."""
        window, dock = self.window(), _dock_of(self)
        if self._placed or not isinstance(window, QMainWindow) or dock is None:
            return
        self._placed = True
        dock.setWindowTitle(dock.windowTitle().removesuffix(" (mambaseg)"))  # tabs are narrow
        if window.tabifiedDockWidgets(dock):
            return
        area = window.dockWidgetArea
        for panel in window.findChildren(Panel):
            other = _dock_of(panel)
            if panel is self or not panel._placed or other is None or dock.isFloating():
                continue
            if not other.isFloating() and area(other) == area(dock):
                window.tabifyDockWidget(other, dock)
                dock.raise_()
                return

    def bring_into_sight(self, part: QWidget) -> None:
        """Scroll to a part of the panel, once it is laid out."""
        QTimer.singleShot(0, self.guarded(lambda: self._scroll.ensureWidgetVisible(part, 0, 8)))

    def guarded(self, function: Callable[..., Any]) -> Callable[..., None]:
        """Wrap a callback so that it does nothing once Qt has deleted the panel."""

        def call(*arguments: Any) -> None:
            if isalive(self):
                function(*arguments)

        return call


def _dock_of(panel: QWidget) -> QDockWidget | None:
    parent = panel.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent
