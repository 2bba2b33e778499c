"""A choice of consecutive frames."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QRangeSlider
from superqt.utils import signals_blocked

__all__ = ["FrameRange"]


class FrameRange(QWidget):
    """First and last frame, by slider or number, counted from 0 as napari counts them.

    Signals
    -------
    changed
        Other frames are chosen.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.slider = QRangeSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip("Drag the ends to choose the first and the last frame")
        self.first, self.last = QSpinBox(), QSpinBox()
        self.first.setToolTip("First frame, counted from 0 as below the canvas")
        self.last.setToolTip("Last frame, included")
        for box in (self.first, self.last):
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.setMinimumWidth(70)
            box.setKeyboardTracking(False)  # the 1 of a 12 that is being typed is no choice
        self.all = QPushButton("All")
        self.all.setToolTip("Take all frames")
        self.all.clicked.connect(self.choose_all)
        numbers = QHBoxLayout()
        numbers.setSpacing(6)
        for widget, stretch in ((self.first, 1), (QLabel("to"), 0), (self.last, 1), (self.all, 0)):
            numbers.addWidget(widget, stretch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.slider)
        layout.addLayout(numbers)
        self.slider.valueChanged.connect(lambda value: self._show(*value))
        self.first.valueChanged.connect(lambda value: self._show(value, max(value, self._last)))
        self.last.valueChanged.connect(lambda value: self._show(min(value, self._first), value))
        self.set_length(1)

    @property
    def frames(self) -> range:
        """The frames that are chosen."""
        for box in (self.first, self.last):
            box.interpretText()  # what was typed, though return was not pressed
        return range(self._first, self._last + 1)

    def set_length(self, n_frames: int) -> None:
        """Offer the frames of a film of this length, all chosen."""
        top = max(0, n_frames - 1)
        with signals_blocked(self.slider):
            self.slider.setRange(0, max(1, top))
        for box in (self.first, self.last):
            with signals_blocked(box):
                box.setRange(0, top)
        self._top = top
        self.setEnabled(top > 0)
        self.choose_all()

    def choose_all(self) -> None:
        """Choose every frame."""
        self._show(0, self._top)

    def _show(self, first: int, last: int) -> None:
        self._first, self._last = int(first), min(int(last), self._top)
        with signals_blocked(self.slider), signals_blocked(self.first), signals_blocked(self.last):
            # A slider needs two places, even for the one frame of an image.
            self.slider.setValue((self._first, max(self._last, int(self._top == 0))))
            self.first.setValue(self._first)
            self.last.setValue(self._last)
        self.all.setEnabled(self._first > 0 or self._last < self._top)
        self.changed.emit()
