"""The button that carries corrected masks to the other frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtWidgets import QWidget

from mambaseg.plugin.keys import key_button
from mambaseg.plugin.parts import ProgressBar, row

if TYPE_CHECKING:
    from mambaseg.plugin.correction import Correction

__all__ = ["CarryRow"]

_TIP = (
    "Carry the masks of verified frames, and of those that were drawn on, to all others along the "
    "motion of the clip, or by their shapes where that finds some of them better if they are left "
    "out. What the others hold is replaced; Ctrl+Z on the mask takes it back, in one step unless "
    "you draw meanwhile"
)


class CarryRow(QWidget):
    """Carries masks for one correction at a time; another one's go on unseen."""

    def __init__(self) -> None:
        super().__init__()
        self._correction: Correction | None = None
        self.carry = key_button("Carry to open frames", "correct.carry", self._press, _TIP)
        self.progress = ProgressBar()
        layout = row(self.carry, self.progress)
        layout.setStretch(1, 1)
        self.setLayout(layout)

    def show_correction(self, correction: Correction | None) -> None:
        """Work on a correction; None hides it all."""
        if self._correction is not None:
            self._correction.carry.carrying.changed.disconnect(self._show)
        self._correction = correction
        if correction is not None:
            correction.carry.carrying.changed.connect(self._show)
        self.setVisible(correction is not None)
        self._show()

    def _press(self) -> None:
        if self._correction is not None:
            self._correction.carry.toggle()

    def _show(self) -> None:
        if not isalive(self):
            return
        carrying = self._correction.carry.carrying if self._correction is not None else None
        active = carrying is not None and carrying.active
        self.carry.setText("Stop" if active else "Carry to open frames")
        self.progress.setVisible(active)
        if carrying is not None and active:
            self.progress.show_progress(carrying.done, carrying.total)
