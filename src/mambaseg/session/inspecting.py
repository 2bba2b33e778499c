"""A first look at a file, before it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mambaseg.data import read_image
from mambaseg.data.window import GreyWindow, read_plane
from mambaseg.session.describe import describe_image
from mambaseg.types import MedicalImage

__all__ = ["Inspection", "inspect", "preview"]


@dataclass(frozen=True)
class Inspection:
    """What a file holds.

    Parameters
    ----------
    image : MedicalImage
        The image; a film is read lazily.
    rows : list of (str, str)
        Its properties in words.
    preview : ndarray of uint8, shape (Y, X, 3)
        The frame or slice in the middle.
    """

    image: MedicalImage
    rows: list[tuple[str, str]]
    preview: NDArray[np.uint8]


def inspect(path: Path) -> Inspection:
    """Read a file far enough to say what it holds.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        If it cannot be read.
    """
    image = read_image(path)
    return Inspection(image, describe_image(image), preview(image))


def preview(image: MedicalImage, index: int | None = None) -> NDArray[np.uint8]:
    """Picture a frame or slice, by default the one in the middle.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.
    """
    planes = 1 if image.axes == "CYX" else image.array.shape[1]
    plane = read_plane(image, planes // 2 if index is None else index)
    if plane.ndim == 4:  # of a video of volumes, the slice in the middle
        plane = plane[:, plane.shape[1] // 2]
    if len(plane) == 3 and plane.dtype == np.uint8:
        return np.ascontiguousarray(np.moveaxis(plane, 0, -1))
    grey = GreyWindow.of(image).apply(plane[0]) if plane.dtype != np.uint8 else plane[0]
    return np.repeat(grey[..., None], 3, axis=2)
