"""The parts that panels are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QWidget,
)

__all__ = ["CHECK_BOXES", "Note", "ProgressBar", "button", "evenly", "form", "row"]

_NAME_WIDTH = 62
_NOTE_WIDTH = 230
_ACCENT = "#5b7be0"  # stands out in the dark theme and in the light one

CHECK_BOXES = (
    "QAbstractItemView::indicator { width: 11px; height: 11px; border: 1px solid #8a8f98; }"
    f"QAbstractItemView::indicator:checked {{ background-color: {_ACCENT}; }}"
)
"""Style sheet for the boxes in lists, tables and trees: napari's own are dark on dark."""


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
        self.setStyleSheet(f"QProgressBar::chunk {{ background-color: {_ACCENT}; }}")
        self.hide()

    def show_progress(self, done: int, total: int) -> None:
        """Show how much is done; a total of 0 means that it is not known yet."""
        self.setRange(0, total)
        self.setValue(done)
        self.show()


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


def evenly(*widgets: QWidget) -> QHBoxLayout:
    """Lay out widgets side by side, each with the same share of the room."""
    layout = row(*widgets)
    for place in range(layout.count()):
        layout.setStretch(place, 1)
    return layout


def button(text: str, tooltip: str, clicked: Callable[[], Any]) -> QPushButton:
    """Make a button."""
    made = QPushButton(text)
    made.setToolTip(tooltip)
    made.clicked.connect(lambda: clicked())
    return made
