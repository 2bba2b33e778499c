"""The choice to segment only what lies inside a rectangle of a Shapes layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Shapes
from qtpy.compat import isalive
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

__all__ = ["BoxChoice"]

Box = tuple[slice, ...]


class BoxChoice(QCheckBox):
    """Offers the rectangle that is selected in the newest Shapes layer, else its newest one.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the shapes are.

    Signals
    -------
    changed
        Another box, or none, is chosen.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__("Only inside the rectangle")
        self.setToolTip("The rectangle that is selected in the Shapes layer, else its newest one")
        self._viewer = viewer
        self._image: Image | None = None
        self._watched: list[Shapes] = []
        self.toggled.connect(self.changed)
        viewer.layers.events.inserted.connect(self._look)
        viewer.layers.events.removed.connect(self._look)
        self.hide()
        self._look()

    @property
    def box(self) -> Box | None:
        """Rows and columns of the image layer; None: all of it."""
        return self._box if self.isChecked() else None

    def show_image(self, image: Image | None) -> None:
        """Offer rectangles on this image layer."""
        self._image = image
        self._look()

    @property
    def _box(self) -> Box | None:
        for layer in reversed(self._viewer.layers):
            if isinstance(layer, Shapes) and self._image is not None:
                return _box_on(self._image, layer)
        return None

    def _look(self, event: object = None) -> None:
        if not isalive(self):
            return
        shapes = [layer for layer in self._viewer.layers if isinstance(layer, Shapes)]
        for layer in shapes:
            if layer not in self._watched:
                layer.events.data.connect(self._look)
                layer.events.highlight.connect(self._look)
        self._watched = shapes
        box = self._box
        if box is not None:
            rows, columns = box[-2:]
            size = f"{columns.stop - columns.start} x {rows.stop - rows.start}"
            self.setText(f"Only inside the rectangle ({size} pixels)")
        self.setVisible(box is not None)
        self.changed.emit()


def _box_on(image: Image, shapes: Shapes) -> Box | None:
    """Give the pixels of an image layer that a rectangle holds; None where there is none."""
    chosen = max(shapes.selected_data, default=len(shapes.data) - 1)
    if chosen < 0 or shapes.shape_type[chosen] != "rectangle" or shapes.ndim < 2:
        return None
    world = [shapes.data_to_world(corner)[-2:] for corner in shapes.data[chosen]]
    leading = (0.0,) * (image.ndim - 2)
    corners = np.array([image.world_to_data((*leading, *place))[-2:] for place in world])
    shape = image.data.shape[: image.ndim] if not image.multiscale else image.data[0].shape
    box = []
    for axis, length in enumerate(shape[image.ndim - 2 : image.ndim]):
        first, last = np.floor(np.sort(corners[:, axis])[[0, -1]] + 0.5).astype(int)
        start, stop = max(0, int(first)), min(int(length), int(last) + 1)
        if start >= stop:
            return None
        box.append(slice(start, stop))
    return tuple(box)
