"""The image and the masks of an export, out of the viewer's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mambaseg.plugin.from_layers import image_of, taken_mask
from mambaseg.plugin.same_place import check_same_place
from mambaseg.session.taken_mask import TakenMask
from mambaseg.types import MedicalImage
from mambaseg.types.errors import UnsupportedImageError

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels

    from mambaseg.plugin.other_mask import OtherMask

__all__ = ["other_mask_on", "pair_of", "shown_frame"]


def pair_of(image: Image | None, mask: Labels | None) -> tuple[MedicalImage, TakenMask]:
    """Take an image layer and a mask of it.

    Raises
    ------
    UnsupportedImageError
        If one is missing, or they do not fit together.
    """
    if image is None:
        raise UnsupportedImageError(
            "There is no image layer: open one with File > Open or the Load panel."
        )
    if mask is None:
        raise UnsupportedImageError(
            "There is no mask to draw: make one with the Segment panel, or open one."
        )
    taken = image_of(image)
    return taken, _mask_on(taken, image, mask)


def other_mask_on(taken: MedicalImage, image: Image, choice: OtherMask, why: str) -> TakenMask:
    """Take a second mask of an image; `why` is said where there is none.

    Raises
    ------
    UnsupportedImageError
        If there is none, or it does not fit.
    """
    if not choice.is_other:
        raise UnsupportedImageError(why)
    return _mask_on(taken, image, choice.layer)


def shown_frame(viewer: napari.Viewer, layer: Image, image: MedicalImage) -> int:
    """Give the number of the layer's frame or slice that the viewer shows."""
    if image.kind == "image":
        return 0
    place = layer.world_to_data(viewer.dims.point[-layer.ndim :])[0]
    return min(max(round(float(place)), 0), image.array.shape[1] - 1)


def _mask_on(taken: MedicalImage, image: Image, mask: Labels) -> TakenMask:
    check_same_place(mask, image, taken.axes[1:], "choose the mask of this image")
    return taken_mask(mask, "Z" if taken.kind == "volume" else "T")
