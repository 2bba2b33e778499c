"""The one way in which programs of ours put masks of whole frames into a layer."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.corrections import Event
from mambaseg.editing import with_locked

if TYPE_CHECKING:
    from napari.layers import Labels

    from mambaseg.plugin.edits import Edits
    from mambaseg.plugin.recorder import Recorder

__all__ = ["MaskWriter"]

Mask = NDArray[np.integer[Any]]


class MaskWriter:
    """Writes masks so that the journal knows them, undo takes them back, and locked classes stay.

    Parameters
    ----------
    layer : napari.layers.Labels
        With axes (frame, y, x).
    edits : Edits
        Is told whose work it is.
    recorder : Recorder or None
        Is told what was written.

    Attributes
    ----------
    locked : set of int
        Classes of which no pixel changes.
    """

    def __init__(self, layer: Labels, edits: Edits, recorder: Recorder | None) -> None:
        self._layer, self._edits, self._recorder = weakref.ref(layer), edits, recorder
        self.locked: set[int] = set()

    def write(
        self, masks: Mapping[int, Mask], event: Event, step: Hashable = None, *, drawn: bool = False
    ) -> bool:
        """Put masks into frames; whether that changed anything.

        Parameters
        ----------
        masks : mapping of int to ndarray of int, shape (Y, X)
            By frame.
        event : Event
            What to call it.
        step : hashable
            What has the same one is undone together; a step of its own unless given.
        drawn : bool
            Whether a person asked for just these frames, which then count as corrected.
        """
        layer = self._layer()
        if layer is None or not all(
            frame < len(layer.data) and mask.shape == layer.data.shape[1:]
            for frame, mask in masks.items()
        ):
            return False  # its data were replaced meanwhile
        if self._recorder is not None:
            self._recorder.capture()  # what was drawn before is a step before
        wanted = {}
        for frame, mask in masks.items():
            before = np.asarray(layer.data[frame])
            after = with_locked(before, mask, self.locked)
            if not np.array_equal(before, after):
                wanted[frame] = after
        if drawn:
            self._edits.begin_drawing(wanted)
        else:
            self._edits.look(wanted)
        for frame, mask in wanted.items():
            layer.data[frame] = mask
        if drawn:
            self._edits.look(wanted)
        else:
            self._edits.take(masks)
        if self._recorder is not None:
            self._recorder.written(wanted, event, step)
        if self._edits.shown in wanted:
            layer.refresh()
        return bool(wanted)
