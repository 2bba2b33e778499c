"""What all panels have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mambaseg.session import Session

__all__ = ["Note", "Panel", "button", "form", "row"]


_LEAST_WIDTH = 340
_NAME_WIDTH = 62
_NOTE_WIDTH = 230


class Note(QLabel):
    """A line of text that wraps, takes the width it gets, and can be copied."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumWidth(_NOTE_WIDTH)  # Qt plans its height for this width
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)


class Panel(QWidget):
    """A dock widget whose content scrolls where the window is low.

    Parameters
    ----------
    session : Session
        What it shares with the viewer's other panels; it ends with the window.

    Attributes
    ----------
    body : QVBoxLayout
        Where the content goes, from the top.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._watched = False
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

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take note of the window that the panel stands in."""
        super().showEvent(event)
        bar = self._scroll.verticalScrollBar()
        room = bar.sizeHint().width() if bar is not None else 0
        width = self._content.minimumSizeHint().width() + room
        self.setMinimumWidth(max(_LEAST_WIDTH, width))
        self.end_with_window()

    def guarded(self, function: Callable[..., Any]) -> Callable[..., None]:
        """Wrap a callback so that it does nothing once Qt has deleted the panel."""

        def call(*arguments: Any) -> None:
            if isalive(self):
                function(*arguments)

        return call


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
