"""Where a film's labels gather while they come in."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["IN_MEMORY_BYTES", "new_labels"]

IN_MEMORY_BYTES = 32 * 2**20
"""Labels larger than this lie on disk, so that memory doesn't grow with the film."""


def new_labels(shape: tuple[int, int, int]) -> Any:
    """Make an array of zeros for labels.

    Parameters
    ----------
    shape : (int, int, int)
        (T, Y, X).

    Returns
    -------
    ndarray or zarr.Array of uint8
        In memory where small; else compressed on disk in chunks of one frame,
        in a temporary folder that goes when the array does.
    """
    if int(np.prod(shape)) <= IN_MEMORY_BYTES:
        labels: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        return labels
    import zarr

    folder = tempfile.mkdtemp(prefix="mambaseg-labels-")
    array = zarr.create_array(store=folder, shape=shape, chunks=(1, *shape[1:]), dtype="uint8")
    weakref.finalize(array, shutil.rmtree, folder, ignore_errors=True)
    return array
