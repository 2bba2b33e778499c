"""What masks' layers say of themselves, without a look at their labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mambaseg.plugin.from_layers import segmentation_of
from mambaseg.types import Geometry, LabelSet

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["classes_of", "data_of", "place_of"]

_ONE = LabelSet.from_names({1: "class 1"})


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


def place_of(layer: Labels) -> tuple[str, Geometry]:
    """Give a mask's axes and geometry.

    Raises
    ------
    UnsupportedImageError
        If the layer has axes that no mask has.
    """
    # Classes that are given need not be looked for, which would read the whole of a film.
    stand_in: Any = SimpleNamespace(
        name=layer.name,
        data=data_of(layer),
        multiscale=False,
        axis_labels=layer.axis_labels,
        units=layer.units,
        scale=layer.scale,
        translate=layer.translate,
        metadata={**layer.metadata, "label_set": classes_of(layer) or _ONE},
        get_color=layer.get_color,
    )
    mask = segmentation_of(stand_in)
    return mask.axes, mask.geometry
