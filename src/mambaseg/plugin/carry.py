"""The masks of corrected and verified frames, on their way to the open frames of their clip."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning

from mambaseg.plugin.notices import report
from mambaseg.session import Carrying, event_now

if TYPE_CHECKING:
    import napari

    from mambaseg.plugin.correction import Correction

__all__ = ["Carry"]

_NOTHING = "Verify a frame, or draw on one: its mask is then carried to the others."


class Carry:
    """Puts what arrives into a mask, but never over what somebody has drawn meanwhile.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the mask stands: it ends when the mask is removed.
    correction : Correction
        Of the mask.

    Attributes
    ----------
    carrying : Carrying
        How far it is.
    """

    def __init__(self, viewer: napari.Viewer, correction: Correction) -> None:
        self._correction = weakref.ref(correction)
        session = correction.session
        self.carrying = Carrying(session.editing, session.deliver, correction.clip.image)
        self._step = object()
        self.carrying.arrived.connect(self._put)
        self.carrying.failed.connect(report)
        viewer.layers.events.removed.connect(self._removed)

    def toggle(self) -> None:
        """Begin, or stop; what has arrived stays."""
        correction = self._correction()
        if self.carrying.active:
            self.carrying.stop()
        elif correction is not None and correction.check_ready():
            known = correction.known
            if known:
                correction.masks(known, self._start)
            else:
                show_info(_NOTHING)

    def _start(self, masks: dict[int, Any]) -> None:
        correction = self._correction()
        if correction is not None and not self.carrying.active:  # pressed again meanwhile
            correction.say_if_it_waits()
            self._step = object()
            self.carrying.start(masks)

    def _put(self, frame: int, mask: Any) -> None:
        correction = self._correction()
        layer = correction.layer if correction is not None else None
        if correction is None or layer is None:
            self.carrying.stop()
        elif layer.data.shape[1:] != mask.shape:
            self._give_up(f"The data of {layer.name!r} were replaced")
        elif correction.state(frame) == "unverified":
            correction.writer.write({frame: mask}, event_now("carried"), self._step)

    def _removed(self, event: Any) -> None:
        correction = self._correction()
        layer = correction.layer if correction is not None else None
        if layer is not None and event.value is layer and self.carrying.active:
            self._give_up(f"The layer {layer.name!r} was removed")

    def _give_up(self, reason: str) -> None:
        self.carrying.stop()
        show_warning(f"{reason}, so no more masks are carried to its frames.")
