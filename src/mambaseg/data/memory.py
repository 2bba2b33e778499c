"""What does not fit in memory, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mambaseg.types.errors import OutOfMemoryError

__all__ = ["enough_memory"]


@contextmanager
def enough_memory(name: str, array: Any = None) -> Iterator[None]:
    """Turn a lack of memory into an OutOfMemoryError.

    Parameters
    ----------
    name : str
        What is read, for the message.
    array : array-like or None
        What will be in memory; None where its size is not known yet.
    """
    try:
        yield
    except MemoryError as error:
        needed = "more memory than is free"
        if array is not None:
            size = np.prod(array.shape, dtype=float) * array.dtype.itemsize
            needed = f"{size / 2**30:.1f} GiB of memory, more than is free"
        raise OutOfMemoryError(
            f"{name} needs {needed}. Close other programs, or crop the image first."
        ) from error
