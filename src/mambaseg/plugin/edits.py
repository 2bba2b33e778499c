"""Which frames of a Labels layer were drawn on."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QTimer

from mambaseg.session import mask_digest

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["Edits"]


class Edits:
    """Tells frames that were drawn on from those that are as they were, undone strokes included.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose shown frame is watched, before it is drawn on and after.
    layer : napari.layers.Labels
        With axes (frame, y, x).
    """

    changed = Signal()
    taken = Signal(list)
    model_wrote = Signal(list)

    def __init__(self, viewer: napari.Viewer, layer: Labels) -> None:
        self._dims, self._layer = viewer.dims, weakref.ref(layer)
        # Digests of what frames held that nobody has drawn: several where programs wrote them, for
        # undo leads from one to the other. A person who draws starts from the last one; what
        # leads back to an older one, such as erasing all that a program wrote, is drawn.
        self._undrawn: dict[int, set[int]] = {}
        self._last: dict[int, int] = {}
        self._now: dict[int, int] = {}
        self._drawn_on: set[int] = set()
        layer.events.paint.connect(self._painted)
        layer.events.set_data.connect(self._look_at_shown)  # undo tells only this
        viewer.dims.events.current_step.connect(self._look_at_shown)
        self._look_at_shown()

    @property
    def edited(self) -> set[int]:
        """Frames that hold something else than at first, or than a program wrote."""
        return {frame for frame, now in self._now.items() if now not in self._undrawn[frame]}

    @property
    def shown(self) -> int:
        """The frame that the viewer shows."""
        layer = self._layer()
        if layer is None:
            return 0
        place = layer.world_to_data(self._dims.point[-layer.ndim :])[0]
        return int(min(max(round(float(place)), 0), layer.data.shape[0] - 1))

    def now(self, frame: int) -> int | None:
        """Give the digest of what a frame holds, if it was looked at."""
        return self._now.get(frame)

    def looked(self, digests: dict[int, int]) -> None:
        """Take note of digests that were computed elsewhere."""
        for frame, digest in digests.items():
            if frame not in self._undrawn:
                self._undrawn[frame], self._last[frame] = {digest}, digest
            self._now.setdefault(frame, digest)
        self.changed.emit()

    def written(self, frames: Iterable[int]) -> None:
        """Take what frames hold now, which a model wrote, for no edit."""
        told = list(frames)
        self.take(told)
        self.model_wrote.emit(told)

    def take(self, frames: Iterable[int]) -> None:
        """Take what frames hold now for no edit."""
        taken = list(frames)
        for frame in taken:
            self._look(frame)
            if frame in self._now:
                self._last[frame] = self._now[frame]
                self._undrawn[frame].add(self._now[frame])
        self.taken.emit(taken)
        self.changed.emit()

    def look(self, frames: Iterable[int]) -> None:
        """Look at frames that have changed, though they may not be shown."""
        for frame in frames:
            self._look(frame)
            if self._now.get(frame) in self._undrawn.get(frame, ()):
                self._last[frame] = self._now[frame]
        self.changed.emit()

    def begin_drawing(self, frames: Iterable[int]) -> None:
        """Take what is done to frames from now on for a person's work."""
        for frame in frames:
            self._look(frame)
            self._draw(frame)

    def _draw(self, frame: int) -> None:
        self._undrawn[frame] = {self._last[frame]} if frame in self._last else set()

    def _look(self, frame: int) -> bool:
        """Look at a frame; whether it has changed since the last time."""
        layer = self._layer()
        if layer is None or not 0 <= frame < layer.data.shape[0]:
            return False
        digest = mask_digest(layer.data[frame])
        if frame not in self._undrawn:
            self._undrawn[frame], self._last[frame] = {digest}, digest
        before = self._now.get(frame)
        self._now[frame] = digest
        return before is not None and before != digest

    def _look_at_shown(self, event: object = None) -> None:
        if self._look(self.shown):
            self.changed.emit()

    def _painted(self, event: Any) -> None:
        for stroke in event.value:
            for frame in _frames_of(stroke):
                self._draw(frame)
                self._drawn_on.add(frame)
        # Some of napari's ways to draw tell of it before the pixels have changed.
        QTimer.singleShot(0, self._look_at_drawn)

    def _look_at_drawn(self) -> None:
        for frame in self._drawn_on:
            self._look(frame)
        self._drawn_on.clear()
        self.changed.emit()


def _frames_of(stroke: Any) -> set[int]:
    """Frames that a stroke lies on, in either of the two forms that napari gives it."""
    key = getattr(stroke, "slice_key", None)
    if key is None:
        return {int(frame) for frame in np.unique(stroke[0][0])}
    first = key[0]
    return set(range(first.start, first.stop)) if isinstance(first, slice) else {int(first)}
