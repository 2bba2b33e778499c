"""A choice among the viewer's layers of one type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy

from mambaseg.plugin.elided_combo import ElidedCombo

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

__all__ = ["LayerChoice"]


class LayerChoice(ElidedCombo):
    """Lists the layers of a type by name, and follows the layer that is selected in the viewer.

    A layer that shows the difference of two masks is no mask, and is left out.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    layer_type : type
        For example napari.layers.Image.
    none : str
        What it says while there is no such layer.
    """

    layer_changed = Signal()

    def __init__(self, viewer: napari.Viewer, layer_type: type[Layer], none: str) -> None:
        super().__init__()
        self._layers, self._type, self._none = viewer.layers, layer_type, none
        self._listed: list[Any] = []
        self._current: Any = None
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(12)
        self._events = (
            (viewer.layers.events.inserted, self._inserted),
            (viewer.layers.events.removed, self._refill),
            (viewer.layers.events.reordered, self._refill),
            (viewer.layers.selection.events.active, self._follow),
        )
        for event, callback in self._events:
            event.connect(callback)
        self.currentIndexChanged.connect(self._picked)
        self._refill()

    @property
    def layer(self) -> Any:
        """The layer that is chosen, or None."""
        return self._current

    def choose(self, layer: Layer) -> None:
        """Choose a layer of the viewer."""
        if layer in self._listed:
            self.setCurrentIndex(self._listed.index(layer))

    def _gone(self) -> bool:
        if isalive(self):
            return False
        for event, callback in self._events:
            event.disconnect(callback)
        return True

    def _inserted(self, event: Any) -> None:
        self._refill()
        if not self._gone() and self.isEnabled():
            self.choose(event.value)

    def _refill(self, event: Any = None) -> None:
        if self._gone():
            return
        for layer in self._listed:
            layer.events.name.disconnect(self._refill)
        # The newest, on top, comes first.
        self._listed = [
            layer
            for layer in reversed(self._layers)
            if isinstance(layer, self._type) and not layer.metadata.get("difference")
        ]
        for layer in self._listed:
            layer.events.name.connect(self._refill)
        self.blockSignals(True)
        self.clear()
        self.addItems([layer.name for layer in self._listed] or [self._none])
        if self._current in self._listed:
            self.setCurrentIndex(self._listed.index(self._current))
        self.blockSignals(False)
        self._picked()

    def _follow(self, event: Any = None) -> None:
        if not self._gone() and self.isEnabled():
            self.choose(self._layers.selection.active)

    def _picked(self) -> None:
        index = self.currentIndex()
        layer = self._listed[index] if 0 <= index < len(self._listed) else None
        self.setToolTip(layer.name if layer is not None else self._none)
        if layer != self._current:
            self._current = layer
            self.layer_changed.emit()
