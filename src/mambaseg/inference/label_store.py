"""Where a film's labels gather while they come in."""

from __future__ import annotations

import tempfile
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.inference.events import Chunk
from mambaseg.types.errors import OutputError

__all__ = ["IN_MEMORY_BYTES", "keep_labels", "new_labels"]

IN_MEMORY_BYTES = 16 * 2**20
"""Labels larger than this lie on disk, so that memory doesn't grow with the film."""


def new_labels(shape: tuple[int, int, int] | tuple[int, int, int, int]) -> Any:
    """Make an array of zeros for labels.

    Parameters
    ----------
    shape : tuple of int
        (T, Y, X), (Z, Y, X) or (T, Z, Y, X).

    Returns
    -------
    ndarray or zarr.Array of uint8
        In memory where small; else compressed on disk in chunks of one frame,
        in a temporary folder that goes when the array does.

    Raises
    ------
    OutputError
        If the temporary folder cannot be made.
    """
    if int(np.prod(shape)) <= IN_MEMORY_BYTES:
        labels: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        return labels
    import zarr

    try:
        folder = tempfile.TemporaryDirectory(prefix="mambaseg-labels-", ignore_cleanup_errors=True)
        array = zarr.create_array(
            store=folder.name, shape=shape, chunks=(1, *shape[1:]), dtype="uint8"
        )
    except OSError as error:
        raise _no_room(error) from error
    weakref.finalize(array, folder.cleanup)
    return array


def keep_labels(labels: Any, final: Chunk) -> None:
    """Write final frames or slices into an array of `new_labels`.

    Raises
    ------
    OutputError
        If the disk has no room for them.
    """
    try:
        labels[final.start : final.stop] = final.labels
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        f"Cannot keep the labels in the temporary folder {tempfile.gettempdir()}: "
        f"{error.strerror or error}. Make room there, or set TMPDIR to another folder."
    )
