"""A choice of a mask beside another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.compat import isalive

from mambaseg.plugin.layer_choice import LayerChoice

if TYPE_CHECKING:
    import napari

__all__ = ["OtherMask"]


class OtherMask(LayerChoice):
    """Lists masks, and prefers one that is not chosen elsewhere, of the same shape.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    beside : sequence of LayerChoice
        Where the masks are chosen that this one is not to be.
    none : str
        What it says while there is no mask.
    """

    def __init__(self, viewer: napari.Viewer, beside: Sequence[LayerChoice], none: str) -> None:
        self._beside = beside
        super().__init__(viewer, Labels, none)
        for choice in beside:
            choice.layer_changed.connect(self._avoid)
        self.layer_changed.connect(self._avoid)
        self._avoid()

    @property
    def is_other(self) -> bool:
        """Whether there is such a mask."""
        return self.layer is not None and self.layer not in self._taken

    @property
    def _taken(self) -> list[Any]:
        return [choice.layer for choice in self._beside]

    def _avoid(self) -> None:
        if not isalive(self) or self.is_other or self.layer is None:
            return
        others = [layer for layer in reversed(self._listed) if layer not in self._taken]
        same = [one for one in others if one.data.shape == self.layer.data.shape]
        if same or others:
            self.choose((same or others)[0])
