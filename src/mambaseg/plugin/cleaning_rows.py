"""The buttons that clean up one class."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from mambaseg.editing import fill_holes, grow, keep_largest, shrink, smooth
from mambaseg.plugin.parts import button, evenly, row
from mambaseg.plugin.retouching import clean

if TYPE_CHECKING:
    from mambaseg.plugin.class_list import ClassList
    from mambaseg.plugin.correction import Correction

__all__ = ["CleaningRows"]

_TOOLS = (
    ("Grow", grow, "Add the background within 1 pixel of the class to it"),
    ("Shrink", shrink, "Take off the class what lies within 1 pixel of its outline"),
    ("Smooth", smooth, "Round off corners and spikes of less than about 2 pixels"),
    ("Fill holes", fill_holes, "Add the background that the class surrounds to it"),
    ("Keep largest", keep_largest, "Keep the largest connected part of the class, remove others"),
)
_PER_ROW = 3


class CleaningRows(QWidget):
    """Works on the class that is chosen, and on one correction at a time.

    Parameters
    ----------
    classes : ClassList
        Where it is chosen.
    """

    def __init__(self, classes: ClassList) -> None:
        super().__init__()
        self._classes = classes
        classes.class_chosen.connect(self._show_chosen)
        self._correction: Correction | None = None
        self.title = QLabel()
        self.where = QComboBox()
        self.where.addItem("this frame", False)
        self.where.addItem("all open frames", True)
        self.where.setToolTip(
            "Clean up the frame that is shown, which then counts as corrected; or all frames that "
            "are neither corrected nor verified, which stay open. Ctrl+Z on the mask undoes it"
        )
        self.tools = {
            name: button(name, f"{tip} (the class that is chosen)", partial(self._press, name))
            for name, _, tip in _TOOLS
        }
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(row(self.title, self.where))
        names = list(self.tools)
        for start in range(0, len(names), _PER_ROW):
            chosen = names[start : start + _PER_ROW]
            layout.addLayout(evenly(*(self.tools[name] for name in chosen)))

    def show_correction(self, correction: Correction | None) -> None:
        """Work on a correction; None hides it all."""
        self._correction = correction
        self.setVisible(correction is not None)

    def _show_chosen(self) -> None:
        chosen = self._classes.chosen
        self.title.setText(f"Clean up {chosen.name} in" if chosen is not None else "Clean up in")

    def _press(self, name: str) -> None:
        chosen, correction = self._classes.chosen, self._correction
        if correction is None:
            return
        if chosen is None:
            show_info("Choose a class in the list first.")
        elif chosen.value in correction.writer.locked:
            show_info(f"{chosen.name} is locked: unlock it in the list of classes first.")
        else:
            tool = next(tool for known, tool, _ in _TOOLS if known == name)
            clean(
                correction,
                lambda mask: tool(mask, chosen.value),
                f"{name}, {chosen.name}",
                every=self.where.currentData(),
            )
