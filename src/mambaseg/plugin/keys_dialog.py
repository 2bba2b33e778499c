"""A window that lists the keys."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import napari.viewer
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from mambaseg.plugin.keys import all_keys, key_text
from mambaseg.plugin.parts import Note
from mambaseg.plugin.tour import show_tour

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KeysDialog", "show_keys"]

_NAPARI = {
    "napari:increment_dims_left": "Frame back",
    "napari:increment_dims_right": "Frame on",
    "napari:activate_labels_erase_mode": "Eraser, on a mask",
    "napari:activate_labels_paint_mode": "Brush, on a mask",
    "napari:activate_labels_polygon_mode": "Polygon, on a mask",
    "napari:activate_labels_fill_mode": "Fill, on a mask",
    "napari:decrease_brush_size": "Smaller brush",
    "napari:increase_brush_size": "Larger brush",
    "napari:decrease_label_id": "Class before",
    "napari:increase_label_id": "Next class",
}
_FIXED = {
    "Ctrl+1": "Choose the first class to draw with; Ctrl+2 the second, up to 9",
    "Ctrl+Z": "Undo a stroke",
    "Ctrl+Shift+Z": "Do it again",
    "Ctrl+Alt+P": "Play the clip",
    "Ctrl+S": "Save the selected layers",
    "Ctrl+Shift+P": "Find any command by its name",
}
_CHANGE = (
    "To change a key: File > Preferences > mambaseg, and > Shortcuts for those of napari. "
    "On macOS, Preferences are in the napari menu."
)


def show_keys(viewer: napari.viewer.Viewer) -> None:
    """Open the list of keys, or bring it to the front."""
    window = viewer.window.main_menu.window()
    for open_already in window.findChildren(KeysDialog):
        open_already.close()
    KeysDialog(viewer, window).show()


class KeysDialog(QDialog):
    """Lists the keys by where they work; those of napari too, as they are set now.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose tour can be taken from here.
    parent : QWidget
        The window that it belongs to.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.list = QLabel("".join(_rows()))
        self.list.setTextFormat(Qt.TextFormat.RichText)
        self.list.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.list.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.list.setWordWrap(True)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.list)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        tour = buttons.addButton("Take the tour", QDialogButtonBox.ButtonRole.ActionRole)
        if tour is not None:
            tour.setToolTip("From a clip to a model of your own, in five steps")
            tour.clicked.connect(self.reject)
            tour.clicked.connect(lambda: show_tour(viewer))
        layout = QVBoxLayout(self)
        layout.addWidget(scroll)
        layout.addWidget(Note(_CHANGE))
        layout.addWidget(buttons)
        self.resize(600, 600)


def _rows() -> Iterator[str]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for key in all_keys():
        pressed = key_text(key.name)
        if pressed:
            groups.setdefault(key.heading, []).append((pressed, key.text))
    groups["napari's own"] = [*_of_napari(), *((_native(k), text) for k, text in _FIXED.items())]
    yield '<table cellpadding="3" width="100%">'
    for heading, rows in groups.items():
        title = f"{heading[0].upper()}{heading[1:]}"
        yield f'<tr><td colspan="2"><br><b>{escape(title)}</b></td></tr>'
        for pressed, text in rows:
            yield (
                f'<tr><td style="white-space: nowrap"><tt>{escape(pressed)}</tt>&nbsp;&nbsp;</td>'
                f"<td>{escape(text)}</td></tr>"
            )
    yield "</table>"


def _of_napari() -> Iterator[tuple[str, str]]:
    chosen = get_settings().shortcuts.shortcuts
    for name, text in _NAPARI.items():
        pressed = ", ".join(str(binding) for binding in chosen.get(name, ()))
        if pressed:
            yield pressed, text


def _native(text: str) -> str:
    return QKeySequence(text).toString(QKeySequence.SequenceFormat.NativeText)
