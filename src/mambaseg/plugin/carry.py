"""The masks of corrected and verified frames, on their way to the open frames of their clip."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning

from mambaseg.plugin.notices import report
from mambaseg.session import Adaptation, Carrying, Ingredients, event_now, mask_digest

if TYPE_CHECKING:
    import napari

    from mambaseg.plugin.correction import Correction

__all__ = ["Carry"]

_NOTHING = "Verify a frame, or draw on one: its mask is then carried to the others."

_NO_MODEL = (
    "The model that made this mask is not among those that are known here, so no copy of it can "
    "learn: masks are carried along the motion alone. Add it in the Segment panel."
)


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
    adapts : bool
        Whether a copy of the mask's model is to learn what is carried.
    """

    def __init__(self, viewer: napari.Viewer, correction: Correction) -> None:
        self._correction = weakref.ref(correction)
        session, image = correction.session, correction.clip.image
        self.carrying = Carrying(session.editing, session.learning, session.deliver, image)
        self.adapts = False
        self._step = object()
        self._carried: dict[int, int] = {}  # digests of frames as they were once carried to
        self.carrying.arrived.connect(self._put)
        self.carrying.failed.connect(report)
        self.carrying.ended.connect(self._tell)
        viewer.layers.events.removed.connect(self._removed)

    def let_learn(self, wanted: bool) -> None:
        """Have a copy of the mask's model learn what is carried, or not."""
        self.adapts = wanted
        correction = self._correction()
        if wanted and correction is not None:
            correction.session.list_models()

    def toggle(self) -> None:
        """Begin, or stop; what has arrived stays."""
        correction = self._correction()
        if self.carrying.active:
            self.carrying.stop()
        elif correction is not None and correction.check_ready():
            known = correction.known
            if len(known) == correction.n_frames:
                show_info("No frame is open: all are corrected or verified.")
            elif known:
                correction.masks(known, self._start)
            else:
                show_info(_NOTHING)

    def _start(self, masks: dict[int, Any]) -> None:
        correction = self._correction()
        if correction is not None and not self.carrying.active:  # pressed again meanwhile
            if self.adapts and correction.session.models is None:
                show_info("Models are still being read; try again in a moment.")
                return
            adaptation = self._adaptation(correction) if self.adapts else None
            correction.say_if_it_waits(learning=adaptation is not None)
            self._step, self._carried = object(), {}
            self.carrying.start(masks, adaptation)

    def _adaptation(self, correction: Correction) -> Adaptation | None:
        """Prepare a copy of the model that made the mask; says so if it is not here."""
        layer, session, clip = correction.layer, correction.session, correction.clip
        provenance = (layer.metadata.get("provenance") if layer is not None else None) or {}
        made_by = [m for m in session.models or () if m.sha256 == provenance.get("weights_sha256")]
        if not made_by:
            show_info(_NO_MODEL)
            return None
        of = Ingredients(made_by[0], clip.image, clip.label_set, session.service, session.deliver)
        return Adaptation(of)

    def _tell(self, outcome: str) -> None:
        if outcome:
            show_info(outcome)

    def _put(self, frame: int, mask: Any, model: str) -> None:
        correction = self._correction()
        layer = correction.layer if correction is not None else None
        if correction is None or layer is None:
            self.carrying.stop()
        elif layer.data.shape[1:] != mask.shape:
            self._give_up(f"The data of {layer.name!r} were replaced")
        elif correction.state(frame) == "unverified":
            if model and self._carried.get(frame) != mask_digest(layer.data[frame]):
                return  # it was undone, or segmented again, meanwhile
            event = event_now("carried", model=model)
            correction.writer.write({frame: mask}, event, (self._step, model))
            self._carried[frame] = mask_digest(layer.data[frame])

    def _removed(self, event: Any) -> None:
        correction = self._correction()
        layer = correction.layer if correction is not None else None
        if layer is not None and event.value is layer and self.carrying.active:
            self._give_up(f"The layer {layer.name!r} was removed")

    def _give_up(self, reason: str) -> None:
        self.carrying.stop()
        show_warning(f"{reason}, so no more masks are carried to its frames.")
