"""A mask in one indexed or grey PNG, whose numbers are class values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mambaseg.types.errors import UnreadableImageError

__all__ = ["read_index_png"]


def read_index_png(file: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read the class values of a frame.

    Parameters
    ----------
    file : Path
    shape : tuple of int
        (Y, X) that it must have, in pixels.

    Raises
    ------
    UnreadableImageError
        If it is missing or damaged, has a colour and not a number at each pixel, or another shape.
    """
    try:
        with Image.open(file) as image:
            mode, frame = image.mode, np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableImageError(
            f"{file} cannot be read: it is missing, damaged or cut short. Write it again."
        ) from error
    if mode not in ("P", "L") or frame.shape != shape:
        raise UnreadableImageError(
            f"{file} is an image of mode {mode} with {frame.shape[1]} x {frame.shape[0]} pixels; "
            f"an indexed one with {shape[1]} x {shape[0]} was expected. Write it again."
        )
    return frame
