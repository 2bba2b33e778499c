"""The question of what becomes of an earlier result."""

from __future__ import annotations

from collections.abc import Callable

from napari.layers import Labels
from qtpy.QtWidgets import QMessageBox, QWidget

__all__ = ["ask_again"]


def ask_again(
    parent: QWidget,
    earlier: Labels,
    replace: Callable[[], None],
    add: Callable[[], None],
) -> None:
    """Ask, and have one of the two done, or neither."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Segment again")
    box.setText(f"There is a mask of this layer already: {earlier.name}")
    box.setInformativeText(
        "Replace its labels on the chosen frames, what was drawn on them included, "
        "or add a new layer? Verified frames stay as they are."
    )
    replacing = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
    adding = box.addButton("Add", QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(adding)

    def answered() -> None:
        if box.clickedButton() is replacing:
            replace()
        elif box.clickedButton() is adding:
            add()

    box.finished.connect(answered)
    box.finished.connect(box.deleteLater)
    box.open()
