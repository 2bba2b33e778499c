"""The button that carries corrected masks to the other frames, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from mambaseg.plugin.keys import key_button
from mambaseg.plugin.parts import Note, ProgressBar, row

if TYPE_CHECKING:
    from mambaseg.plugin.correction import Correction

__all__ = ["CarryRow"]

_TIP = (
    "Carry the masks of verified frames, and of those that were drawn on, to all others along the "
    "motion of the clip, or by their shapes where that finds some of them better if they are left "
    "out. What the others hold is replaced; Ctrl+Z on the mask takes it back, in one step unless "
    "you draw meanwhile"
)
_ADAPT_TIP = (
    "After that, let a copy of the mask's model learn three or more of these frames, which takes "
    "some minutes. Where it helps to find frames that were left out, the carried masks move half "
    "the way to what it finds, as a step of its own to undo. The model itself stays as it is"
)
_STEPS = 100


class CarryRow(QWidget):
    """Carries masks for one correction at a time; another one's go on unseen."""

    def __init__(self) -> None:
        super().__init__()
        self._correction: Correction | None = None
        self.carry = key_button("Carry to open frames", "correct.carry", self._press, _TIP)
        self.adapt = QCheckBox("and let the model learn")
        self.adapt.setToolTip(_ADAPT_TIP)
        self.adapt.toggled.connect(self._choose)
        self.text = Note()
        self.progress = ProgressBar()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(row(self.carry, self.adapt))
        layout.addWidget(self.text)
        layout.addWidget(self.progress)

    def show_correction(self, correction: Correction | None) -> None:
        """Work on a correction; None hides it all."""
        if self._correction is not None:
            self._correction.carry.carrying.changed.disconnect(self._show)
        self._correction = correction
        if correction is not None:
            correction.carry.carrying.changed.connect(self._show)
            self.adapt.setChecked(correction.carry.adapts)
        self.setVisible(correction is not None)
        self._show()

    def _press(self) -> None:
        if self._correction is not None:
            self._correction.carry.toggle()

    def _choose(self, adapts: bool) -> None:
        if self._correction is not None:
            self._correction.carry.let_learn(adapts)

    def _show(self) -> None:
        if not isalive(self):
            return
        carrying = self._correction.carry.carrying if self._correction is not None else None
        active = carrying is not None and carrying.active
        self.carry.setText("Stop" if active else "Carry to open frames")
        self.adapt.setEnabled(not active)
        self.progress.setVisible(active)
        self.text.setText(carrying.text if carrying is not None and active else "")
        if carrying is not None and active:
            self.progress.show_progress(int(_STEPS * carrying.part), _STEPS)
