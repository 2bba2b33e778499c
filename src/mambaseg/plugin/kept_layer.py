"""What a journal says of a Labels layer, and the layer made from it again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from mambaseg.corrections import JournalHead, plain
from mambaseg.plugin.layers import inherited, labels_layer
from mambaseg.types import LabelSet, Segmentation

if TYPE_CHECKING:
    from napari.layers import Image

    from mambaseg.corrections import Kept

__all__ = ["head_of", "restored_layer", "words_of"]


def head_of(layer: Labels, image: Image, key: str) -> JournalHead:
    """Say of a mask's layer what is needed to make it again.

    Parameters
    ----------
    layer : napari.layers.Labels
        The mask.
    image : napari.layers.Image
        What it belongs to.
    key : str
        `image_key` of that image.
    """
    return JournalHead(
        image=key,
        image_name=image.name,
        shape=layer.data.shape,
        dtype=layer.data.dtype.name,
        created=time.time(),
        **words_of(layer),
    )


def words_of(layer: Labels) -> dict[str, Any]:
    """Give what may change of a journal's head: name, classes and provenance of a mask."""
    label_set = layer.metadata.get("label_set")
    return {
        "name": layer.name,
        "classes": label_set.classes if isinstance(label_set, LabelSet) else (),
        "provenance": plain(layer.metadata.get("provenance") or {}),
    }


def restored_layer(image: Image, kept: Kept) -> Labels:
    """Make the layer of a mask that was kept, in its image's place.

    Parameters
    ----------
    image : napari.layers.Image
        What the mask belongs to.
    kept : Kept
        What its journal holds.
    """
    head, label_set = kept.head, kept.head.label_set
    metadata: dict[str, Any] = inherited(image) | {
        "source": image.metadata.get("source", image.name),
        "segmented": str(image.unique_id),
        "provenance": head.provenance,
    }
    labels = kept.history.planes.array().reshape(head.shape)
    look: dict[str, Any] = {}
    if label_set is not None:
        metadata["label_set"] = label_set
        axes = {2: "YX", 3: "TYX", 4: "TZYX"}[labels.ndim]
        options = labels_layer(Segmentation(labels, axes, label_set))[1]
        look = {name: options[name] for name in ("colormap", "features")}
    return Labels(
        labels,
        name=head.name,
        opacity=0.5,
        multiscale=False,
        metadata=metadata,
        **{
            name: getattr(image, name)
            for name in ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
        },
        **look,
    )
