"""The Labels layer that a run fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mambaseg.plugin.layers import inherited, labels_layer
from mambaseg.session import Request
from mambaseg.types import Provenance, Segmentation

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["layer_for"]


def layer_for(image: Image, request: Request, data: Any) -> tuple[Any, dict[str, Any]]:
    """Give the data and the options of the layer that shows what a model finds in an image layer.

    It lies where the image layer lies, which the user may have moved.
    """
    found, model = request.image, request.model
    made_by = Provenance(model.name, model.sha256)
    axes = found.axes.removeprefix("C")
    data, options, _ = labels_layer(
        Segmentation(data, axes, model.recipe.label_set, found.geometry, made_by)
    )
    options["name"] = f"{image.name}: {model.name}"
    for place in ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels"):
        options[place] = getattr(image, place)
    options["metadata"] |= inherited(image) | {
        "source": found.source,
        "segmented": str(image.unique_id),
    }
    return data, options
