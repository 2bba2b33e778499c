"""Which layer is which channel of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.compat import isalive
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from mambaseg.data import base_name
from mambaseg.data.channel_names import guess_channels
from mambaseg.data.channels import join_channels
from mambaseg.plugin.from_layers import image_of
from mambaseg.plugin.parts import form
from mambaseg.types import MedicalImage
from mambaseg.types.errors import UnsupportedImageError

if TYPE_CHECKING:
    import napari

__all__ = ["ChannelRows"]

_NONE = "choose a layer"


class ChannelRows(QWidget):
    """A row for each channel of a model, guessed from the layers' names; hidden without any.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose image layers.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self._layers = viewer.layers
        self._listed: list[Any] = []
        self._of: Any = None
        self.rows: dict[str, QComboBox] = {}
        self._body = QVBoxLayout(self)
        self._body.setContentsMargins(0, 0, 0, 0)
        self._events = (viewer.layers.events.inserted, viewer.layers.events.removed)
        for event in self._events:
            event.connect(self._refill)
        self.hide()

    @property
    def image(self) -> MedicalImage:
        """The chosen layers as the channels of one image.

        Raises
        ------
        UnsupportedImageError
            If a channel has no layer, two have the same, or they do not lie on one grid.
        """
        chosen: dict[str, Any] = {}
        for name, combo in self.rows.items():
            layer = combo.currentData()
            if layer is None:
                raise UnsupportedImageError(f"Choose the layer of the channel {name!r}.")
            layer = self._listed[layer]
            if layer in chosen.values():
                raise UnsupportedImageError(
                    f"The layer {layer.name!r} is chosen for two channels; choose another for one."
                )
            chosen[name] = layer
        return join_channels([image_of(layer) for layer in chosen.values()], tuple(chosen))

    def show_channels(self, channels: Sequence[str], layer: Any) -> None:
        """Show a row for each channel of a model that is to segment a layer; none hides them."""
        self._of = layer
        if tuple(self.rows) != tuple(channels):
            while self._body.count():
                _delete(self._body.takeAt(0))
            self.rows = {name: _combo(name) for name in channels}
            for combo in self.rows.values():
                combo.currentIndexChanged.connect(self.changed)
            if self.rows:
                self._body.addWidget(QLabel("Channels of the model, and their layers"))
                self._body.addLayout(form(list(self.rows.items())))
        self.setVisible(bool(self.rows))
        self._refill()

    def _refill(self, event: Any = None) -> None:
        if not isalive(self):
            for signal in self._events:
                signal.disconnect(self._refill)
            return
        if not self.rows or self._of is None:
            return
        before = {
            name: self._listed[combo.currentData()]
            for name, combo in self.rows.items()
            if combo.currentData() is not None
        }
        shape = self._of.data.shape
        self._listed = [
            one
            for one in self._layers
            if isinstance(one, Image) and not one.rgb and one.data.shape == shape
        ]
        names = [base_name(one.name) for one in self._listed]
        guessed = guess_channels(names, tuple(self.rows)) or {}
        for name, combo in self.rows.items():
            place = guessed.get(name)
            if before.get(name) in self._listed:
                place = self._listed.index(before[name])
            combo.blockSignals(True)
            combo.clear()
            combo.addItem(_NONE, None)
            for index, one in enumerate(self._listed):
                combo.addItem(one.name, index)
            combo.setCurrentIndex(0 if place is None else place + 1)
            combo.blockSignals(False)
        self.changed.emit()


def _combo(name: str) -> QComboBox:
    combo = QComboBox()
    combo.setToolTip(f"The layer that holds the channel {name}")
    combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    combo.setMinimumContentsLength(12)
    return combo


def _delete(item: Any) -> None:
    """Delete a layout's item with all that stands in it."""
    widget, inner = item.widget(), item.layout()
    if widget is not None:
        widget.hide()
        widget.deleteLater()
    while inner is not None and inner.count():
        _delete(inner.takeAt(0))
