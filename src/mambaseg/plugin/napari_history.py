"""napari's own undo history of a Labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["forget_history"]


def forget_history(layer: Labels) -> None:
    """Have napari forget its own undo history, which no longer fits what the layer holds.

    Not being editable for a moment does that, and is public.
    """
    mode = layer.mode
    layer.editable = False
    layer.editable = True
    layer.mode = mode
