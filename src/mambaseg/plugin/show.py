"""Open napari on an image and its mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mambaseg.plugin.layers import image_layer, labels_layer

if TYPE_CHECKING:
    import napari

    from mambaseg.types import MedicalImage, Segmentation

__all__ = ["add_layers", "show"]


def add_layers(viewer: napari.Viewer, image: MedicalImage, segmentation: Segmentation) -> None:
    """Add an image and its mask to a viewer, the mask on top, at the first frame.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers go.
    image : MedicalImage
        What was segmented.
    segmentation : Segmentation
        The mask on the image's grid.
    """
    data, options, _ = image_layer(image)
    viewer.add_image(data, **options)
    data, options, _ = labels_layer(segmentation)
    viewer.add_labels(data, **options)
    viewer.dims.set_current_step(0, 0)


def show(image: MedicalImage, segmentation: Segmentation) -> None:
    """Open a viewer with an image and its mask, and return when it is closed.

    Parameters
    ----------
    image : MedicalImage
        What was segmented.
    segmentation : Segmentation
        The mask on the image's grid.
    """
    import napari

    viewer = napari.Viewer(title="mambaseg")
    add_layers(viewer, image, segmentation)
    napari.run()
