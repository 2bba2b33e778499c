"""Every control of every panel says what it does, and a number in which unit it is."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("napari")
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTableWidget,
    QWidget,
)

pytestmark = pytest.mark.usefixtures("display")

CONTROLS = (
    QAbstractButton,
    QAbstractSpinBox,
    QAbstractSlider,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QAbstractItemView,
)
COMPOUND = (QComboBox, QAbstractSpinBox, QAbstractItemView)
UNITS = (
    "mm", "ml", "percent", "%", "pixel", "frame", "slice", "second", "minute", "epoch", "step",
    "time", "day", "GB", "degree", "share", "how many", "number of", "channel",
)  # fmt: skip


def _controls(panel: QWidget) -> list[QWidget]:
    """Controls that a person sees as one: not the parts of a spin box, a table or a slider."""
    found = []
    for widget in panel.findChildren(QWidget):
        parents = []
        parent = widget.parentWidget()
        while parent is not None and parent is not panel:
            parents.append(parent)
            parent = parent.parentWidget()
        labelled = [one for one in parents if type(one).__module__.startswith("superqt")]
        inside = isinstance(widget, QScrollBar) or any(isinstance(one, COMPOUND) for one in parents)
        control = isinstance(widget, CONTROLS)
        if control and not inside and not (labelled and labelled[0].toolTip()):
            found.append(widget)
    return found


def _told(widget: QWidget) -> str:
    """Say which it is, by the attribute of the part of the panel that holds it."""
    parent = widget.parentWidget()
    while parent is not None:
        for name, value in vars(parent).items():
            if value is widget:
                return f"{type(parent).__name__}.{name}"
        parent = parent.parentWidget()
    return f"{type(widget).__name__} {getattr(widget, 'text', lambda: '')()!r}"


def _tooltip(widget: QWidget) -> str:
    """Give what Qt shows: its own tooltip, else that of the part which holds it.

    A table may have one for each column.
    """
    if isinstance(widget, QTableWidget):
        headers = [widget.horizontalHeaderItem(column) for column in range(widget.columnCount())]
        tips = [header.toolTip() if header is not None else "" for header in headers]
        if tips and all(tips):
            return "; ".join(tips)
    parent: QWidget | None = widget
    while parent is not None:
        if parent.toolTip().strip():
            return parent.toolTip()
        parent = parent.parentWidget()
    return ""


@pytest.mark.parametrize("name", ["Load", "Segment", "Correct", "Fine-tune", "Metrics", "Export"])
def test_every_control_has_a_tooltip(desk: Any, name: str) -> None:
    desk.add_clip(3)
    panel = desk.viewer.window.add_plugin_dock_widget("mambaseg", name)[1]
    controls = _controls(panel)
    assert len(controls) > 3
    assert not {_told(one) for one in controls if not _tooltip(one)}
    unitless = {
        _told(one)
        for one in controls
        if isinstance(one, QAbstractSpinBox)
        and not any(unit in f"{one.suffix()} {_tooltip(one)}" for unit in UNITS)
    }
    assert not unitless
