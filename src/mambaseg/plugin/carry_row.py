"""The button that carries corrected masks to the other frames."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info
from qtpy.compat import isalive
from qtpy.QtWidgets import QWidget

from mambaseg.plugin.notices import report
from mambaseg.plugin.parts import ProgressBar, button, row
from mambaseg.plugin.sessions import session_of
from mambaseg.session import Carrying, event_now

if TYPE_CHECKING:
    import napari

    from mambaseg.plugin.correction import Correction

__all__ = ["CarryRow"]

_TIP = (
    "Carry the masks of verified frames, and of those that were drawn on, to all others along the "
    "motion of the clip, or by their shapes where that finds some of them better if they are left "
    "out. What the others hold is replaced; Ctrl+Z on the mask takes it back in one step"
)
_NOTHING = "Verify a frame, or draw on one: its mask is then carried to the others."


class CarryRow(QWidget):
    """Carries masks for one correction at a time; another one's go on unseen.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose session works.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self._session = session_of(viewer)
        self._correction: Correction | None = None
        self._carries: weakref.WeakKeyDictionary[Any, _Carry] = weakref.WeakKeyDictionary()
        self.carry = button("Carry to open frames", _TIP, self._press)
        self.progress = ProgressBar()
        layout = row(self.carry, self.progress)
        layout.setStretch(1, 1)
        self.setLayout(layout)

    def show_correction(self, correction: Correction | None) -> None:
        """Work on a correction; None hides it all."""
        self._correction = correction
        self.setVisible(correction is not None)
        self._show()

    @property
    def _shown(self) -> _Carry | None:
        return self._carries.get(self._correction) if self._correction is not None else None

    def _press(self) -> None:
        correction, carry = self._correction, self._shown
        if correction is None:
            return
        if carry is None:
            made = Carrying(self._session.editing, self._session.deliver, correction.clip.image)
            carry = self._carries[correction] = _Carry(correction, made)
            made.changed.connect(self._show)
        carry.toggle()

    def _show(self) -> None:
        if not isalive(self):
            return
        carry = self._shown
        active = carry is not None and carry.carrying.active
        self.carry.setText("Stop" if active else "Carry to open frames")
        self.progress.setVisible(active)
        if carry is not None and active:
            self.progress.show_progress(carry.carrying.done, carry.carrying.total)


class _Carry:
    """Puts what arrives into the mask, but never over what somebody has drawn meanwhile."""

    def __init__(self, correction: Correction, carrying: Carrying) -> None:
        self._correction = weakref.ref(correction)
        self.carrying = carrying
        self._step = object()
        carrying.arrived.connect(self._put)
        carrying.failed.connect(report)

    def toggle(self) -> None:
        correction = self._correction()
        layer = correction.layer if correction is not None else None
        if self.carrying.active:
            self.carrying.stop()
        elif correction is not None and layer is not None:
            states = correction.states()
            known = [frame for frame, state in enumerate(states) if state != "unverified"]
            if not known:
                show_info(_NOTHING)
                return
            if correction.recorder is not None:
                correction.recorder.capture()
            self._step = object()
            self.carrying.start({frame: np.asarray(layer.data[frame]) for frame in known})

    def _put(self, frame: int, mask: Any) -> None:
        correction = self._correction()
        layer = correction.layer if correction is not None else None
        if correction is None or layer is None or layer.data.shape[1:] != mask.shape:
            self.carrying.stop()
            return
        if correction.state(frame) == "unverified":
            correction.writer.write({frame: mask}, event_now("carried"), self._step)
