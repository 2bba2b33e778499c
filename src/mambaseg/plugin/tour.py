"""A tour of five steps, which opens by itself once."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import napari.viewer
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mambaseg.plugin.parts import Note, button
from mambaseg.plugin.preferences import preferences

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Tour", "offer_tour", "show_tour"]


@dataclass(frozen=True)
class _Step:
    """A panel, where its menu is, and what it is for."""

    panel: str
    menu: str
    text: str


_STEPS = (
    _Step(
        "Load",
        "File > IO Utilities",
        "Shows what a film, DICOM file, volume or folder holds before it is opened, and opens all "
        "or some of it. A file can also be dropped on napari. Nothing of your own at hand? "
        "File > Open Sample > mambaseg.",
    ),
    _Step(
        "Segment",
        "Layers > Segment",
        "Choose a model and press Run: masks appear while they are computed. It says which frames "
        "are most in doubt, to be looked at first.",
    ),
    _Step(
        "Correct",
        "Layers > Annotate",
        "Paint over what is wrong with napari's brush and press V on each frame that you vouch "
        "for. Let the other frames follow. Every change is on disk within a second.",
    ),
    _Step(
        "Fine-tune",
        "Layers > Segment",
        "The model learns from the frames that you verified, in minutes. Frames that are held out "
        "show whether that helped, and only then is the new model offered first.",
    ),
    _Step(
        "Export",
        "Layers > Visualize",
        "Films and pictures with the mask drawn over them. Masks themselves: File > Save Selected "
        "Layers. How good they are, the Metrics panel measures (Layers > Measure).",
    ),
)


def offer_tour(viewer: napari.viewer.Viewer) -> None:
    """Show the tour, the first time that a person opens a panel.

    A person sits before windows that `napari.run` serves; then napari catches
    errors itself. Scripts and tests drive a window without it.
    """
    served = sys.excepthook == notification_manager.receive_error
    if not served or not preferences.get("guidance", "tour"):
        return
    preferences.set("guidance", "tour", False)
    if not preferences.get("guidance", "tour"):  # else it could not be remembered
        show_tour(viewer)


def show_tour(viewer: napari.viewer.Viewer) -> None:
    """Open the tour at its first step; the viewer can be used meanwhile."""
    window = viewer.window.main_menu.window()
    for open_already in window.findChildren(Tour):
        open_already.close()

    def open_panel(name: str) -> None:
        dock, _ = viewer.window.add_plugin_dock_widget("mambaseg", name)
        dock.raise_()  # it may be a tab behind another

    tour = Tour(window, open_panel)
    tour.show()
    corner = window.mapToGlobal(window.rect().bottomLeft())
    tour.move(corner.x() + 16, corner.y() - tour.height() - 48)


class Tour(QDialog):
    """Tells what the panels are for, one after the other.

    Return goes on, Escape ends it.

    Parameters
    ----------
    parent : QWidget
        The window that it belongs to.
    open_panel : callable
        Opens the panel of a name.
    """

    def __init__(self, parent: QWidget, open_panel: Callable[[str], object]) -> None:
        super().__init__(parent)
        self._at = 0
        self.setWindowTitle("Tour of mambaseg")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFixedWidth(420)
        self.title, self.text, self.where = QLabel(), Note(), Note()
        self.opener = button("", "", lambda: open_panel(_STEPS[self._at].panel))
        self.skip = button("Skip", "End the tour; it is in Help > Tour of mambaseg", self.close)
        self.back = button("Back", "The step before", lambda: self._go(-1))
        self.next = button("", "The next step", lambda: self._go(1))
        self.next.setDefault(True)
        row = QHBoxLayout()
        for part in (self.opener, self.skip, self.back, self.next):
            row.addWidget(part)
        row.insertStretch(1)
        layout = QVBoxLayout(self)
        for label in (self.title, self.text, self.where):
            layout.addWidget(label)
        layout.addLayout(row)
        self._show()
        self.next.setFocus()

    def _go(self, step: int) -> None:
        self._at += step
        if self._at == len(_STEPS):
            self.close()
        else:
            self._show()

    def _show(self) -> None:
        step, last = _STEPS[self._at], self._at == len(_STEPS) - 1
        self.title.setText(f"<b>{self._at + 1} of {len(_STEPS)}: {step.panel}</b>")
        self.text.setText(step.text)
        self.where.setText(f"The panel is in {step.menu}.")
        self.opener.setText(f"Open {step.panel}")
        self.opener.setToolTip(f"Open the {step.panel} panel beside the picture")
        self.back.setEnabled(self._at > 0)
        self.next.setText("Done" if last else "Next")
        self.skip.setVisible(not last)
