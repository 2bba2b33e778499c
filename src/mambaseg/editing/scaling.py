"""Pictures made larger or smaller."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["enlarged", "scaled"]


def scaled(picture: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Bring a picture (Y, X) to another size, by lines between pixels, smoothed if it shrinks."""
    from skimage.transform import resize  # its import takes a while

    found = resize(picture, size, order=1, mode="edge", anti_aliasing=True)  # type: ignore[no-untyped-call]
    return np.asarray(found, np.float32)


def enlarged(
    picture: NDArray[np.float32], size: tuple[int, ...], part: tuple[slice, slice]
) -> NDArray[np.float32]:
    """Give a part of what `scaled` makes of a picture (Y, X) for a larger size."""
    rows, columns = (
        _weights(small, full, pixels)
        for small, full, pixels in zip(picture.shape, size, part, strict=True)
    )
    return np.asarray(rows @ picture @ columns.T, np.float32)


def _weights(small: int, full: int, pixels: slice) -> NDArray[np.float32]:
    """How much each of `pixels`, out of `full`, takes of each of `small` pixels."""
    places = (np.arange(full)[pixels] + 0.5) * small / full - 0.5
    between = np.clip(places, 0, small - 1)[:, None] - np.arange(small)
    weights: NDArray[np.float32] = np.maximum(0, 1 - np.abs(between)).astype(np.float32)
    return weights
