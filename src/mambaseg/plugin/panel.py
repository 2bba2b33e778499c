"""What all panels have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import Qt, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import (
    QDockWidget,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mambaseg.plugin.sessions import session_of

if TYPE_CHECKING:
    import napari

__all__ = ["Note", "Panel", "ProgressBar", "button", "form", "row"]


_LEAST_WIDTH = 340
_NAME_WIDTH = 62
_NOTE_WIDTH = 230
_PROGRESS = "#5b7be0"  # stands out in the dark theme and in the light one


class Note(QLabel):
    """A line of text that wraps, takes the width it gets, and can be copied; hidden if empty."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumWidth(_NOTE_WIDTH)  # Qt plans its height for this width
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        if not text:
            self.hide()

    def setText(self, text: str | None) -> None:  # noqa: N802 - Qt's name
        """Say something else, or nothing."""
        super().setText(text)
        if not text:
            self.hide()
        elif self.parent() is not None:  # else it would become a window
            self.show()


class ProgressBar(QProgressBar):
    """A thin bar without text, hidden until there is something to show."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextVisible(False)
        self.setMaximumHeight(10)
        # napari's own is grey on grey in both themes.
        self.setStyleSheet(f"QProgressBar::chunk {{ background-color: {_PROGRESS}; }}")
        self.hide()

    def show_progress(self, done: int, total: int) -> None:
        """Show how much is done; a total of 0 means that it is not known yet."""
        self.setRange(0, total)
        self.setValue(done)
        self.show()


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
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.session = session_of(viewer)
        viewer.layers.events.removing.connect(self._hold_canvas)
        self._watched = self._placed = False
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
        whole.addWidget(scroll)
        self._content, self._scroll = content, scroll
        self.setMinimumHeight(200)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def end_with_window(self) -> None:
        """Have the session end when napari's window closes."""
        window = self.window()
        if not self._watched and window is not None and window is not self:
            self._watched = True
            window.destroyed.connect(self.session.close)

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
        """Take note of the window that the panel stands in."""
        super().showEvent(event)
        bar = self._scroll.verticalScrollBar()
        room = bar.sizeHint().width() if bar is not None else 0
        width = self._content.minimumSizeHint().width() + room
        self.setMinimumWidth(max(_LEAST_WIDTH, width))
        QTimer.singleShot(0, self.guarded(self._become_a_tab))  # once napari has docked it
        self.end_with_window()

    def _become_a_tab(self) -> None:
        """Join the first panel of ours that stands in the same place, once."""
        window, dock = self.window(), _dock_of(self)
        if self._placed or not isinstance(window, QMainWindow) or dock is None:
            return
        self._placed = True
        area = window.dockWidgetArea
        for panel in window.findChildren(Panel):
            other = _dock_of(panel)
            if panel is self or not panel._placed or other is None or dock.isFloating():
                continue
            if not other.isFloating() and area(other) == area(dock):
                window.tabifyDockWidget(other, dock)
                dock.raise_()
                return

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


def form(rows: Sequence[tuple[str, Any]]) -> QFormLayout:
    """Lay out named fields, the names in a column of their own."""
    layout = QFormLayout()
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(10)
    layout.setVerticalSpacing(8)
    for name, field in rows:
        label = QLabel(name)
        label.setMinimumWidth(_NAME_WIDTH)  # so that the fields of several forms are in line
        layout.addRow(label, field)
    return layout


def row(*widgets: QWidget, stretch: int = 0) -> QHBoxLayout:
    """Lay out widgets side by side; the one numbered `stretch` takes the room that is left."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, int(index == stretch))
    return layout


def button(text: str, tooltip: str, clicked: Callable[[], Any]) -> QPushButton:
    """Make a button."""
    made = QPushButton(text)
    made.setToolTip(tooltip)
    made.clicked.connect(lambda: clicked())
    return made
