"""Making black what lies outside an ultrasound picture: text about the patient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.image import MedicalImage

__all__ = ["blank_note", "blanked"]


def blanked(array: Any, region: tuple[int, int, int, int] | None) -> NDArray[Any]:
    """Give an array whose last two axes, y and x, are 0 outside a region.

    Parameters
    ----------
    array : array-like, shape (..., Y, X)
        Not changed.
    region : tuple of int or None
        First row and column, and those after the last; None blanks nothing.
    """
    whole = np.asarray(array)
    if region is None or region == (0, 0, *whole.shape[-2:]):
        return whole
    y0, x0, y1, x1 = region
    result = np.zeros_like(whole)
    result[..., y0:y1, x0:x1] = whole[..., y0:y1, x0:x1]
    return result


def blank_note(image: MedicalImage) -> str:
    """Say what an export leaves out of an image, or could not; "" where there is nothing to say."""
    size = tuple(image.array.shape[-2:])
    if image.region is not None and image.region != (0, 0, *size):
        y0, x0, y1, x1 = image.region
        return (
            f"What lies outside the ultrasound region (x {x0} to {x1 - 1}, y {y0} to {y1 - 1}) was "
            "made black, as text about the patient may stand there."
        )
    is_ultrasound = image.header.get("Modality") in ("US", "IVUS")
    if is_ultrasound and image.region is None and image.header.get("BurnedInAnnotation") != "NO":
        return (
            "The header does not say where the ultrasound picture lies, so nothing was made black: "
            "look for text about the patient in it."
        )
    return ""
