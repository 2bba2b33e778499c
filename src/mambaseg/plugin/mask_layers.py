"""What masks' layers say of themselves, without a look at their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mambaseg.types import LabelSet

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["classes_of", "data_of"]


def data_of(layer: Labels) -> Any:
    """Give the labels, at their full size."""
    return layer.data[0] if layer.multiscale else layer.data


def classes_of(*layers: Labels) -> LabelSet | None:
    """Give the classes of the first mask that knows its own."""
    for layer in layers:
        known = layer.metadata.get("label_set")
        if isinstance(known, LabelSet):
            return known
    return None
