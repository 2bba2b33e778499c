"""Images that look alike: of one examination, or the same one twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse.csgraph import connected_components

from mambaseg.data.window import read_plane
from mambaseg.types.image import MedicalImage

__all__ = ["group_look_alikes", "likeness", "thumbnail"]

_SIZE = (32, 32)


def thumbnail(image: MedicalImage) -> NDArray[np.float32]:
    """Mean over the channels of a picture, or of the middle frame or slice, as 32 x 32 numbers."""
    middle = image.array.shape[1] // 2 if image.kind != "image" else 0
    plane = np.nan_to_num(np.asarray(read_plane(image, middle), np.float32).mean(axis=0))
    small = Image.fromarray(plane).resize(_SIZE, Image.Resampling.BOX)
    return np.asarray(small, np.float32).ravel()


def likeness(thumbnails: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Give the correlation of each with each; 0 with one that is all the same."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = np.nan_to_num(np.atleast_2d(np.corrcoef(np.stack(thumbnails))))
    return found


def group_look_alikes(
    thumbnails: Sequence[NDArray[np.float32]], correlation: float
) -> NDArray[np.int32]:
    """Give the group of each image: with those that look alike, directly or through others.

    Parameters
    ----------
    thumbnails : sequence of ndarray
        Of equal length.
    correlation : float
        Of two thumbnails, above which they look alike.

    Returns
    -------
    ndarray of int, shape (images,)
        Each image's group.
    """
    _, groups = connected_components(likeness(thumbnails) > correlation, directed=False)
    numbers: NDArray[np.int32] = groups
    return numbers
