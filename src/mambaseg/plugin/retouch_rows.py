"""The buttons that change the mask of the frame that is shown, or of a run that is marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from mambaseg.plugin import retouching
from mambaseg.plugin.keys import key_button
from mambaseg.plugin.parts import button, evenly, row

if TYPE_CHECKING:
    from mambaseg.plugin.correction import Correction

__all__ = ["RetouchRows"]


class RetouchRows(QWidget):
    """Works on one correction at a time.

    Signals
    -------
    unmarked
        The run is to be marked no longer.
    """

    unmarked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._correction: Correction | None = None
        self.copy = key_button(
            "Copy previous",
            "correct.copy_previous",
            lambda: self._do(retouching.copy_previous),
        )
        self.interpolate = key_button(
            "Interpolate",
            "correct.interpolate",
            lambda: self._do(retouching.interpolate_around),
        )
        self.reject = key_button(
            "Set back",
            "correct.reject",
            lambda: self._do(lambda one: retouching.reject(one, [one.edits.shown])),
        )
        self.marked = QLabel()
        self.accept_all = key_button(
            "Verify all",
            "correct.accept_marked",
            lambda: self._do(lambda one: one.verify(one.marked)),
        )
        self.reject_all = key_button(
            "Set all back",
            "correct.reject_marked",
            lambda: self._do(lambda one: retouching.reject(one, one.marked)),
        )
        self.unmark = button("✕", "Mark no frames", self.unmarked.emit)
        self.unmark.setFixedWidth(28)
        self.run = QWidget()
        run = row(self.marked, self.accept_all, self.reject_all, self.unmark)
        self.run.setLayout(run)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.run)
        layout.addLayout(evenly(self.copy, self.interpolate, self.reject))
        self.run.hide()

    def show_correction(self, correction: Correction | None) -> None:
        """Work on a correction; None hides it all."""
        self._correction = correction
        self.setVisible(correction is not None)
        self.show_marked(range(0))

    def show_marked(self, frames: range) -> None:
        """Offer to work on a run of frames; none where it is empty."""
        if self._correction is not None:
            self._correction.marked = frames
        self.run.setVisible(bool(frames))
        if frames:
            self.marked.setText(f"Frames {frames[0]}-{frames[-1]}:")

    def _do(self, act: Callable[[Correction], Any]) -> None:
        if self._correction is not None:
            act(self._correction)
