"""Correcting a mask of a viewer: which frames are verified, and the keys for it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.utils.notifications import show_info, show_warning
from psygnal import Signal

from mambaseg.inference import Doubt
from mambaseg.plugin.edits import Edits
from mambaseg.plugin.keeping import keeping_of
from mambaseg.plugin.notices import report
from mambaseg.plugin.seen import Seen
from mambaseg.plugin.sessions import session_of
from mambaseg.plugin.verified_clips import misfit, verified_clip_of
from mambaseg.session import event_now, mask_digest

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["Correction", "State", "correction_of", "known_correction"]

State = Literal["unverified", "edited", "verified", "changed", "saving"]
"""Of a frame; "changed" is verified, but the mask on the screen is another one."""

_NO_DOUBT = (
    "No other frame is in doubt: a run of the Segment panel ranks its frames, and those that were "
    "corrected or verified are left out."
)

_known: weakref.WeakKeyDictionary[Any, Correction] = weakref.WeakKeyDictionary()


def known_correction(layer: Labels) -> Correction | None:
    """Give the correction of a mask, if it has begun."""
    return _known.get(layer)


def correction_of(viewer: napari.Viewer, layer: Labels) -> Correction:
    """Give the correction of a mask, which begins with the first call: from then on its keys work.

    Raises
    ------
    UnsupportedImageError
        If the mask's classes or its clip are not known, or it is no clip or volume.
    """
    if layer not in _known:
        _known[layer] = Correction(viewer, layer)
    return _known[layer]


class Correction:
    """The frames of one mask and their states; made by `correction_of`.

    Parameters
    ----------
    viewer : napari.Viewer
        Where it stands.
    layer : napari.layers.Labels
        A mask of a clip or volume.

    Attributes
    ----------
    clip : ClipCorrections
        What is on disk, shared by all masks of a clip with the same classes.
    edits : Edits
        Which frames were drawn on.
    seen : Seen
        Which frames were looked at.
    recorder : Recorder or None
        Keeps the mask's journal.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, layer: Labels) -> None:
        self.clip = verified_clip_of(viewer, layer)
        self._viewer, self._layer = viewer, weakref.ref(layer)
        self._compared: set[int] = set()
        self._asked: set[int] = set()
        self._doubt: Doubt | None = None
        self._ranked: list[int] = []
        self._led_to = -1
        self._run = object()  # what models write is undone in one step
        self.recorder = keeping_of(viewer).watch(layer)
        self.edits = Edits(viewer, layer)
        self.edits.changed.connect(self.changed.emit)
        self.edits.model_wrote.connect(self._model_wrote)
        self.seen = Seen(viewer, layer, lambda: self.edits.shown)
        self.seen.changed.connect(self.changed.emit)
        self.edits.taken.connect(self.seen.forget)
        if self.recorder is not None:
            self.recorder.moved.connect(self.edits.look)
        self.clip.changed.connect(self._stored)
        self.clip.written.connect(self._written)
        for key, act in (
            ("V", Correction.toggle),
            ("N", Correction.go_to_next),
            ("Shift-N", Correction.go_to_previous),
            ("D", Correction.go_to_doubtful),
        ):
            layer.bind_key(key, _from_key(viewer, act), overwrite=True)
        self._stored()

    @property
    def layer(self) -> Labels | None:
        """The mask; None once it is gone."""
        return self._layer()

    @property
    def n_frames(self) -> int:
        """Number of frames (or slices)."""
        return int(self.clip.image.array.shape[1])

    def states(self) -> list[State]:
        """State of every frame."""
        edited = self.edits.edited
        return [self._state(frame, edited) for frame in range(self.n_frames)]

    def _state(self, frame: int, edited: set[int]) -> State:
        if frame in self.clip.pending:
            return "saving"
        stored = self.clip.verified.get(frame)
        if stored is not None:
            return "verified" if self.edits.now(frame) in (stored, None) else "changed"
        return "edited" if frame in edited else "unverified"

    def state(self, frame: int) -> State:
        """State of a frame."""
        return self._state(frame, self.edits.edited)

    def doubtful(self, most: int | None = None) -> list[int]:
        """Of the frames that the model was in `most` doubt of those still its own, worst first."""
        layer = self.layer
        doubt = layer.metadata.get("doubt") if layer is not None else None
        if not isinstance(doubt, Doubt):
            return []
        if doubt is not self._doubt:
            self._doubt, self._ranked = doubt, doubt.ranked()
        states = self.states()
        return [frame for frame in self._ranked[:most] if states[frame] == "unverified"]

    # What keys and buttons do

    def toggle(self) -> None:
        """Verify the frame that is shown as it is now; if that is done already, take it back."""
        layer, frame = self.layer, self.edits.shown
        if layer is None:
            return
        if not self.clip.ready:
            show_info("What is verified of this clip is still being read; try again in a moment.")
            return
        state = self.state(frame)
        if state == "saving":
            return
        if state == "verified":
            self._asked.add(frame)
            self.clip.unverify(frame)
            return
        problem = misfit(self.clip, layer, frame)
        if problem:
            show_warning(problem)
            return
        self._asked.add(frame)
        recorder = self.recorder
        if recorder is None:
            self.clip.verify(frame, np.asarray(layer.data[frame]))
            return
        recorder.capture()
        self.clip.verify(
            frame, np.asarray(layer.data[frame]), lambda: recorder.journal.account(frame)
        )

    def go_to(self, frame: int) -> None:
        """Show a frame."""
        layer = self.layer
        if layer is None:
            return
        place = layer.data_to_world((frame, *(0 for _ in layer.data.shape[1:])))[0]
        self._viewer.dims.set_point(self._viewer.dims.ndim - layer.ndim, place)

    def go_to_next(self) -> None:
        """Show the next frame that is not verified."""
        self._go(1)

    def go_to_previous(self) -> None:
        """Show the frame before that is not verified."""
        self._go(-1)

    def _go(self, step: int) -> None:
        states, shown = self.states(), self.edits.shown
        rest = range(shown + step, self.n_frames if step > 0 else -1, step)
        for frame in rest:
            if states[frame] not in ("verified", "saving"):
                self.go_to(frame)
                return
        way = "after" if step > 0 else "before"
        show_info(f"All frames {way} this one are verified.")

    def go_to_doubtful(self) -> None:
        """Show the frame of the greatest doubt; asked again there, the one of the next greatest."""
        frames, shown = self.doubtful(), self.edits.shown
        others = [frame for frame in frames if frame != shown]
        if not others:
            show_info(_NO_DOUBT)
            return
        if shown == self._led_to and shown in frames:
            place = frames.index(shown)
            others = frames[place + 1 :] + frames[:place]
        self._led_to = others[0]
        self.go_to(others[0])

    def take_verified(self) -> None:
        """Put the verified masks into the layer, as one step that can be undone."""

        def put(masks: dict[int, Any]) -> None:
            layer = self.layer
            if layer is None:
                return
            with layer.block_history():
                for frame, mask in masks.items():
                    rows, columns = np.nonzero(np.asarray(layer.data[frame]) != mask)
                    if rows.size:
                        place = (np.full(rows.size, frame), rows, columns)
                        layer.data_setitem(place, mask[rows, columns], refresh=False)
            layer.refresh()

        states = self.states()
        self.clip.masks([frame for frame, s in enumerate(states) if s == "changed"], put)

    # What the journal is told

    def _model_wrote(self, frames: list[int]) -> None:
        layer = self.layer
        if self.recorder is not None and layer is not None:
            model = (layer.metadata.get("provenance") or {}).get("model", "")
            self.recorder.written(frames, event_now("run", model=str(model)), self._run)

    def _written(self, kind: str, frame: int) -> None:
        if frame in self._asked:  # else another mask of this clip was verified
            self._asked.discard(frame)
            if self.recorder is not None:
                self.recorder.journal.note(event_now(kind, frame=frame))

    # What the store says

    def _stored(self) -> None:
        self._compare()
        self.changed.emit()

    def _compare(self) -> None:
        """Have the layer's verified frames looked at in the background, each once."""
        layer, frames = self.layer, set(self.clip.verified) - self._compared
        frames = {frame for frame in frames if self.edits.now(frame) is None}
        if layer is None or not frames or layer.data.shape[0] != self.n_frames:
            return
        self._compared |= frames
        data = layer.data

        def failed(error: Exception) -> None:
            report(error)

        session_of(self._viewer).corrections.submit(
            lambda task: {frame: mask_digest(data[frame]) for frame in frames},
            self.edits.looked,
            failed,
        )


def _from_key(viewer: napari.Viewer, act: Any) -> Any:
    def press(layer: Labels) -> None:
        from mambaseg.plugin.correct_panel import show_correct_panel

        show_correct_panel(viewer)
        act(correction_of(viewer, layer))

    return press
