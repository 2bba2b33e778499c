"""Pictures made larger or smaller."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["scaled"]


def scaled(picture: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Bring a picture (Y, X) to another size, by lines between pixels, smoothed if it shrinks."""
    from skimage.transform import resize  # its import takes a while

    found = resize(picture, size, order=1, mode="edge", anti_aliasing=True)  # type: ignore[no-untyped-call]
    return np.asarray(found, np.float32)
