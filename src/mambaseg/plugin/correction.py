"""Correcting a mask of a viewer: which frames are verified, and the keys for it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.utils.notifications import show_info
from psygnal import Signal

from mambaseg.plugin.carry import Carry
from mambaseg.plugin.edits import Edits
from mambaseg.plugin.frame_walk import FrameWalk
from mambaseg.plugin.keeping import keeping_of
from mambaseg.plugin.mask_keys import bind_keys
from mambaseg.plugin.mask_writing import MaskWriter
from mambaseg.plugin.notices import report
from mambaseg.plugin.seen import Seen
from mambaseg.plugin.sessions import session_of
from mambaseg.plugin.stroke_guard import StrokeGuard
from mambaseg.plugin.verified_clips import check_frames, verified_clip_of
from mambaseg.session import event_now, mask_digest
from mambaseg.types.errors import UnsupportedImageError

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["Correction", "State", "correction_of", "known_correction"]

State = Literal["unverified", "edited", "verified", "changed", "saving"]
"""Of a frame; "changed" is verified, but the mask on the screen is another one."""

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
    session : Session
        Whose workers compute.
    clip : ClipCorrections
        What is on disk, shared by all masks of a clip with the same classes.
    edits : Edits
        Which frames were drawn on.
    seen : Seen
        Which frames were looked at.
    recorder : Recorder or None
        Keeps the mask's journal.
    writer : MaskWriter
        Puts masks of frames into it.
    walk : FrameWalk
        The ways to other frames.
    carry : Carry
        Carries its masks to open frames.
    marked : range
        A run of frames that somebody has marked; empty if none.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, layer: Labels) -> None:
        self.clip = verified_clip_of(viewer, layer)
        self._viewer = viewer
        self.session = session_of(viewer)
        self._layer = weakref.ref(layer)
        self._compared: set[int] = set()
        self._asked: set[int] = set()
        self._run = object()  # what models write is undone in one step
        self.recorder = keeping_of(viewer).watch(layer)
        self.edits: Edits = Edits(viewer, layer)
        self.writer = MaskWriter(layer, self.edits, self.recorder)
        self._guard = (
            StrokeGuard(layer, self.recorder, self.writer) if self.recorder is not None else None
        )
        self.walk: FrameWalk = FrameWalk(viewer, self)
        self.carry: Carry = Carry(viewer, self)
        self.marked: range = range(0)
        self.edits.changed.connect(self.changed.emit)
        self.edits.model_wrote.connect(self._model_wrote)
        self.seen = Seen(viewer, layer, lambda: self.edits.shown)
        self.seen.changed.connect(self.changed.emit)
        self.edits.taken.connect(self.seen.forget)
        if self.recorder is not None:
            self.recorder.moved.connect(self.edits.look)
        self.clip.changed.connect(self._stored)
        self.clip.written.connect(self._written)
        bind_keys(layer)
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

    def unprotected(self, frames: Iterable[int]) -> list[int]:
        """Those of some frames that nobody has verified; none before that is known."""
        return [n for n in frames if self.clip.ready and n not in self.clip.protected]

    def vouched_for(self, frame: int) -> bool:
        """Whether what this layer holds in a frame is verified, or about to be."""
        if frame in self.clip.pending:
            return frame in self._asked
        layer, stored = self.layer, self.clip.verified.get(frame)
        if layer is None or stored is None:
            return False
        return stored == mask_digest(layer.data[frame])

    def check_ready(self) -> bool:
        """Whether it is known what is verified; says so where it is not."""
        if not self.clip.ready:
            show_info("What is verified of this clip is still being read; try again in a moment.")
        return self.clip.ready

    def say_if_it_waits(self, *, learning: bool = False) -> None:
        """Say so where masks that are to be computed, or learnt, wait for others."""
        if (self.session.learning if learning else self.session.editing).busy:
            show_info("This waits for other masks, which are still being carried or computed.")

    @property
    def known(self) -> list[int]:
        """Frames whose masks a person has corrected or verified."""
        return [frame for frame, state in enumerate(self.states()) if state != "unverified"]

    def masks(self, frames: Iterable[int], done: Callable[[dict[int, Any]], None]) -> None:
        """Tell masks of frames: the verified ones, else those that the layer holds."""
        layer, verified = self.layer, self.clip.verified
        if layer is None:
            return
        held = {frame: np.array(layer.data[frame]) for frame in frames}
        others = [n for n in held if n in verified and self.edits.now(n) != verified[n]]
        if others:
            self.clip.masks(others, lambda stored: done(held | stored))
        else:
            done(held)

    # What keys and buttons do

    def toggle(self) -> None:
        """Verify the frame that is shown as it is now; if that is done already, take it back."""
        frame = self.edits.shown
        if self.state(frame) == "verified":
            self._asked.add(frame)
            self.clip.unverify(frame)
        else:
            self.verify([frame])

    def accept(self) -> None:
        """Verify the frame that is shown, unless it is, and show the next that is not verified."""
        frame = self.edits.shown
        if self.state(frame) == "verified" or self.verify([frame]):
            self.walk.on()

    def verify(self, frames: Iterable[int]) -> bool:
        """Verify frames as they are now; whether all of them could be, or are."""
        layer = self.layer
        if layer is None:
            return False
        if not self.check_ready():
            return False
        wanted = [n for n in frames if self.state(n) not in ("verified", "saving")]
        try:
            check_frames(self._viewer, self.clip, layer, wanted)
        except UnsupportedImageError as error:
            report(error)
            return False
        if not wanted:
            return True
        self._asked.update(wanted)
        masks = {frame: np.asarray(layer.data[frame]) for frame in wanted}
        recorder = self.recorder
        if recorder is None:
            self.clip.verify(masks)
        else:
            recorder.capture()
            self.clip.verify(masks, lambda: recorder.journal.account(wanted))
        return True

    def choose_class(self, number: int) -> None:
        """Draw with a class, counted from 0 in the order of the list."""
        layer, classes = self.layer, self.clip.label_set.classes
        if layer is not None and number < len(classes):
            layer.selected_label = classes[number].value

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

        self.session.corrections.submit(
            lambda task: {frame: mask_digest(data[frame]) for frame in frames},
            self.edits.looked,
            report,
        )
