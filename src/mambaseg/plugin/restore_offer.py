"""The offer to restore what an earlier viewer left of an image."""

from __future__ import annotations

import time
from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFrame, QVBoxLayout

from mambaseg.corrections import KeptWork
from mambaseg.plugin.parts import Note, button, row

__all__ = ["RestoreOffer", "described"]


def described(work: KeptWork) -> str:
    """Say in a few words what was kept."""
    when = time.localtime(work.changed)
    today = time.strftime("%Y%m%d", when) == time.strftime("%Y%m%d")
    clock = time.strftime("today %H:%M" if today else "%d %b %Y %H:%M", when)
    steps = f"{work.n_steps} step{'s' * (work.n_steps != 1)}"
    state = " (damaged)" * bool(work.damage) + " (removed)" * work.removed
    return f"{work.head.name}{state}: {steps}, {clock}"


class RestoreOffer(QFrame):
    """A box that offers kept masks of an image; hidden where there are none.

    It stays until it is answered, and stands in nobody's way.
    """

    restore_asked = Signal(object)
    put_off = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("offer")
        self.setStyleSheet("#offer { border: 1px solid #e08a1e; border-radius: 4px; }")
        self._work: list[KeptWork] = []
        self.text = Note()
        self.choice = QComboBox()
        self.choice.setToolTip("Masks that were kept: by which model, how many changes, when")
        self.choice.setMinimumContentsLength(12)
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.restore = button(
            "Restore",
            "Add the mask as it was, with its whole history: Ctrl+Z leads back through it",
            lambda: self._tell(self.restore_asked),
        )
        self.later = button(
            "Not now",
            "Offer it when the image is opened the next time",
            lambda: self._tell(self.put_off),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.text)
        layout.addWidget(self.choice)
        layout.addLayout(row(self.restore, self.later))
        self.hide()

    @property
    def work(self) -> list[KeptWork]:
        """What it offers, the newest first."""
        return list(self._work)

    def show_offer(self, image_name: str, work: Sequence[KeptWork]) -> None:
        """Offer what was kept of an image, the newest first."""
        self._work = list(work)
        n_masks = "A mask" if len(work) == 1 else f"{len(work)} masks"
        self.text.setText(f"<b>{n_masks} of {image_name}</b> can be restored, as last drawn:")
        self.choice.clear()
        self.choice.addItems([described(one) for one in work])
        self.setVisible(bool(work))

    def _tell(self, signal: Signal) -> None:
        if 0 <= self.choice.currentIndex() < len(self._work):
            signal.emit(self._work[self.choice.currentIndex()])
