"""Which image a mask belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["clip_of"]


def clip_of(viewer: napari.Viewer, layer: Labels) -> Image | None:
    """Find the image layer that a mask belongs to.

    The one that was segmented, else the newest that has the mask's shape.
    """
    images = [one for one in reversed(viewer.layers) if isinstance(one, Image)]
    for image in images:
        if layer.metadata.get("segmented") == str(image.unique_id):
            return image
    for image in images:
        shape = image.data.shape[: -1 if image.rgb else None]
        if not image.multiscale and shape == layer.data.shape:
            return image
    return None
