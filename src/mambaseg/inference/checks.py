"""Whether there is anything in an image to segment."""

from __future__ import annotations

import numpy as np

from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import MedicalImage

__all__ = ["check_shows_something"]


def check_shows_something(image: MedicalImage) -> None:
    """Refuse an image of one intensity throughout, or of no elements.

    Single pictures and volumes are looked at as a whole. Of a film only that there are
    frames is seen to: black frames are common there.

    Raises
    ------
    UnsupportedImageError
        If nothing can be seen in it.
    """
    what = image.source or "The image"
    if 0 in image.array.shape:
        raise UnsupportedImageError(
            f"{what} is empty (shape {image.array.shape}): choose an image with intensities."
        )
    if image.kind == "video":
        return
    first: float | None = None
    for channel in range(image.array.shape[0]):
        values = np.asarray(image.array[channel])
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
            if not values.size:
                continue
        low, high = values.min(), values.max()
        if low != high or (first is not None and low != first):
            return
        first = low
    found = "values that are not numbers (NaN)" if first is None else f"the intensity {first:g}"
    raise UnsupportedImageError(
        f"{what} holds nothing but {found}, so there is nothing to segment: choose another image, "
        "or read it anew."
    )
