"""Overlays as the pages of one TIFF file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from mambaseg.files import write_whole
from mambaseg.types.errors import OutputError

__all__ = ["write_pages"]

_LARGEST_CLASSIC = 2**31


def write_pages(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    count: int,
    size: tuple[int, int],
    pixel_mm: tuple[float, float] | None = None,
) -> None:
    """Write pictures as they come, whole or not at all.

    Parameters
    ----------
    path : Path
        The file; compressed without loss, in the large form of TIFF where it
        needs that.
    pictures : iterable of ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.
    count : int
        How many there are.
    size : tuple of int
        Their height and width.
    pixel_mm : tuple of float or None
        Distance between pixels along (y, x) in mm, which is written as the
        file's resolution; None where it is unknown.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    per_cm = None if pixel_mm is None else (10 / pixel_mm[1], 10 / pixel_mm[0])
    with write_whole(path) as temporary:
        try:
            tifffile.imwrite(
                temporary,
                iter(pictures),
                shape=(count, *size, 3),
                dtype=np.uint8,
                photometric="rgb",
                compression="zlib",
                metadata=None,
                resolution=per_cm,
                resolutionunit=None if per_cm is None else "CENTIMETER",
                bigtiff=3 * count * size[0] * size[1] > _LARGEST_CLASSIC,
            )
        except (ValueError, RuntimeError) as error:
            raise OutputError(
                f"{path} could not be written as TIFF. Write PNG pictures instead."
            ) from error
