"""Open napari on an image and its mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mambaseg.plugin.layers import image_layer, labels_layer

if TYPE_CHECKING:
    import napari

    from mambaseg.types import MedicalImage, Segmentation

__all__ = ["PANELS", "add_layers", "open_panels", "show"]

PANELS = ("Load", "Segment", "Correct", "Fine-tune", "Metrics", "Export")
"""Names of the panels, in the order of work."""


def add_layers(viewer: napari.Viewer, image: MedicalImage, segmentation: Segmentation) -> None:
    """Add an image and its mask to a viewer, the mask on top, at the first frame.

    The panels take the mask for a result of theirs on this image.

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
    layers = viewer.add_image(data, **options)
    layer = layers[0] if isinstance(layers, list) else layers
    data, options, _ = labels_layer(segmentation)
    options["metadata"] |= {"source": image.source, "segmented": str(layer.unique_id)}
    viewer.add_labels(data, **options)
    viewer.dims.set_current_step(0, 0)


def open_panels(viewer: napari.Viewer) -> None:
    """Dock the panels of mambaseg, with Segment in front."""
    from qtpy.QtCore import QTimer

    add = viewer.window.add_plugin_dock_widget
    # As tabs from the start: below each other, even for a moment, they would stretch the window.
    docks = [add("mambaseg", name, tabify=True)[0] for name in PANELS]
    # After the panels have become tabs, which they do at the next turn of Qt's loop.
    QTimer.singleShot(0, docks[PANELS.index("Segment")].raise_)


def show(image: MedicalImage, segmentation: Segmentation) -> None:
    """Open a viewer with an image, its mask and our panels; return when it is closed.

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
    open_panels(viewer)
    napari.run()
