"""A choice of a mask beside another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.compat import isalive

from mambaseg.plugin.layer_choice import LayerChoice

if TYPE_CHECKING:
    import napari

__all__ = ["OtherMask"]


class OtherMask(LayerChoice):
    """Lists masks, and prefers one that is not chosen already, of the same shape.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    beside : LayerChoice
        Where the mask is chosen that this one is not to be.
    none : str
        What it says while there is no mask.
    """

    def __init__(self, viewer: napari.Viewer, beside: LayerChoice, none: str) -> None:
        self._beside = beside
        super().__init__(viewer, Labels, none)
        beside.layer_changed.connect(self._avoid)
        self.layer_changed.connect(self._avoid)
        self._avoid()

    @property
    def is_other(self) -> bool:
        """Whether there is such a mask."""
        return self.layer is not None and self.layer is not self._beside.layer

    def _avoid(self) -> None:
        if not isalive(self) or self.is_other or self.layer is None:
            return
        others = [
            layer
            for layer in reversed(self._listed)
            if layer is not self.layer and not layer.metadata.get("difference")
        ]
        same = [one for one in others if one.data.shape == self.layer.data.shape]
        if same or others:
            self.choose((same or others)[0])
