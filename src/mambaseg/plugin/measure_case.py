"""A case of compared folders, opened as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mambaseg.plugin.layers import image_layer, labels_layer
from mambaseg.session.comparing import Compared
from mambaseg.session.mask_files import read_pair
from mambaseg.types import MedicalImage, Segmentation

if TYPE_CHECKING:
    import napari

__all__ = ["add_case", "read_case"]

Case = tuple[Segmentation, Segmentation, MedicalImage | None]
"""Prediction, reference, and the image where it is at hand."""


def read_case(compared: Compared, name: str) -> Case:
    """Read a case of the first model.

    Raises
    ------
    MambasegError
        If a file cannot be read again.
    """
    from mambaseg.data import read_image

    pairs = next(iter(compared.pairs.values()))
    pair = next(one for one in pairs if one.name == name)
    image = read_image(pair.image) if pair.image is not None else None
    return (*read_pair(pair, compared.names), image)


def add_case(viewer: napari.Viewer, name: str, case: Case) -> None:
    """Add a case's masks to a viewer, on its image."""
    found, true, image = case
    if image is not None:
        data, options, _ = image_layer(image)
        viewer.add_image(data, **options)
    for mask, what in ((true, "true"), (found, "found")):
        data, options, _ = labels_layer(mask)
        viewer.add_labels(data, **options | {"name": f"{name}: {what}"})
