"""Whether masks have changed since something was said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["ChangedSince"]


class ChangedSince:
    """Tells once that one of some masks has changed.

    Parameters
    ----------
    tell : callable
        Is called then.
    """

    def __init__(self, tell: Callable[[], object]) -> None:
        self._tell = tell
        self._layers: list[Labels] = []

    def watch(self, layers: Sequence[Labels]) -> None:
        """Watch these from now on, in place of those before."""
        for layer in self._layers:
            for event in (layer.events.paint, layer.events.data, layer.events.labels_update):
                event.disconnect(self._changed)
        self._layers = list(layers)
        for layer in self._layers:
            for event in (layer.events.paint, layer.events.data, layer.events.labels_update):
                event.connect(self._changed)

    def _changed(self, event: object = None) -> None:
        self.watch([])
        self._tell()
