"""Masks that are plain images: each element's number is its label."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.readers import read_image
from mambaseg.data.segmentation_record import binary_as_class, foreign_labels, label_block
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation

__all__ = ["as_labels", "read_numbers"]


def read_numbers(path: str | os.PathLike[str]) -> MedicalImage:
    """Read an image for its numbers; of an indexed one the indices, not the colours.

    Parameters
    ----------
    path : path-like
        As of `read_image`.

    Returns
    -------
    MedicalImage
        Of one channel, with any integers: labels, or the numbers of objects.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        If it cannot be read, or has several channels.
    """
    if str(path).lower().endswith((".png", ".bmp")):
        return MedicalImage(_indices(Path(path))[None], "CYX", source=str(path))
    image = read_image(path)
    if image.array.shape[0] != 1:
        raise UnsupportedImageError(
            f"{path} has {image.array.shape[0]} channels; a mask with one number for each element "
            "was expected. Save it as an indexed or grey image."
        )
    return image


def as_labels(image: MedicalImage) -> Segmentation:
    """Take an image's numbers for classes; 0 and 255 alone are a mask of class 1.

    Raises
    ------
    UnsupportedImageError
        If a number is no whole one from 0 to 255.
    """
    numbers = binary_as_class(np.asarray(image.array)[0])
    labels = label_block(numbers, Path(image.source))
    return Segmentation(labels, image.axes[1:], foreign_labels(labels), image.geometry)


def _indices(path: Path) -> NDArray[Any]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            mode, indices = image.mode, np.array(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableImageError(
            f"{path} cannot be read: it is damaged or cut short. Write it again."
        ) from error
    if indices.ndim != 2 or indices.dtype.kind not in "iub":
        raise UnsupportedImageError(
            f"{path} is an image of mode {mode}; a mask with one number at each pixel (indexed or "
            "grey) was expected."
        )
    return indices
