"""Which plane of a mask a viewer shows."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["ShownPlane"]


class ShownPlane:
    """The plane of a mask that is shown, remembered: each dab of a brush asks for it.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer stands.
    layer : napari.layers.Labels
        The mask.
    """

    def __init__(self, viewer: napari.Viewer, layer: Labels) -> None:
        self._viewer, self._layer, self._shape = viewer, weakref.ref(layer), layer.data.shape
        self._known: tuple[int, bool] | None = None
        self._to_data: np.ndarray[Any, Any] | None = None
        for name in ("scale", "translate", "rotate", "shear", "affine"):
            layer.events[name].connect(self._moved)

    def forget(self) -> None:
        """Look again: the layer was drawn anew."""
        self._known = None

    def _moved(self, event: object = None) -> None:
        self._known = self._to_data = None

    def look(self) -> tuple[int, bool]:
        """Give the plane, and whether its rows and columns are those of the screen."""
        if self._known is None:
            layer, dims = self._layer(), self._viewer.dims
            shown = 0
            if layer is not None and layer.ndim > 2:
                place = np.round(self._place(layer, dims.point[-layer.ndim :])[:-2]).astype(int)
                inside = np.clip(place, 0, np.array(self._shape[:-2]) - 1)
                shown = int(np.ravel_multi_index(inside, self._shape[:-2]))
            flat = tuple(dims.displayed) == (dims.ndim - 2, dims.ndim - 1)
            self._known = shown, flat
        return self._known

    def _place(self, layer: Labels, point: tuple[float, ...]) -> np.ndarray[Any, Any]:
        """Do as `world_to_data`, which takes a millisecond, for it puts its parts together anew."""
        if self._to_data is None:
            corners = np.vstack([np.zeros(layer.ndim), np.eye(layer.ndim)])
            found = np.array([layer.world_to_data(corner) for corner in corners])
            self._to_data = np.vstack([found[1:] - found[0], found[0]])
        place: np.ndarray[Any, Any] = np.append(point, 1) @ self._to_data
        return place
