"""Which frames of a mask somebody has looked at."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["Seen"]

_LOOK_MS = 400  # frames that pass by faster were not looked at


class Seen:
    """Takes note of frames that stay on the screen for a moment, with the mask over them.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose shown frame is watched.
    layer : napari.layers.Labels
        The mask.
    shown : callable
        Gives the frame that the viewer shows.

    Attributes
    ----------
    frames : set of int
        Those that were looked at.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, layer: Labels, shown: Callable[[], int]) -> None:
        self._layer, self._shown = weakref.ref(layer), shown
        self.frames: set[int] = set()
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._looked)
        viewer.dims.events.current_step.connect(self._moved)
        layer.events.visible.connect(self._moved)
        self._timer.start()

    def forget(self, frames: Iterable[int]) -> None:
        """Take note that frames hold another mask now, which nobody has looked at yet."""
        self.frames.difference_update(frames)
        self._timer.start()

    def _moved(self, event: object = None) -> None:
        self._timer.start()

    def _looked(self) -> None:
        layer, frame = self._layer(), self._shown()
        if layer is not None and layer.visible and frame not in self.frames:
            self.frames.add(frame)
            self.changed.emit()
