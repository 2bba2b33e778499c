"""An array that is read from its file when it is first indexed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import UnreadableImageError

__all__ = ["DeferredArray"]


class DeferredArray:
    """Stands for an array of which only the header was read; the first index reads it whole.

    Parameters
    ----------
    shape : tuple of int
        Length of each axis.
    dtype : dtype
        Type of the elements.
    load : callable
        Reads the array, of that shape and type; called once.
    plane : callable, optional
        Reads one index of the last but two axes, shape (C, Y, X), without the
        rest, for previews.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        load: Callable[[], NDArray[Any]],
        plane: Callable[[int], NDArray[Any]] | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.ndim = len(shape)
        self._plane = plane
        self._load = load
        self._lock = threading.Lock()
        self._array: NDArray[Any] | None = None

    def read(self) -> NDArray[Any]:
        """Give the array in memory.

        Raises
        ------
        UnreadableImageError
            If the file is damaged, or holds something else than its header says.
        """
        with self._lock:
            if self._array is None:
                array = self._load()
                if array.shape != self.shape:
                    raise UnreadableImageError(
                        f"The header promised an array of shape {self.shape}, but "
                        f"{array.shape} was found; the file has changed or is damaged."
                    )
                self._array = array
            return self._array

    def read_plane(self, index: int) -> NDArray[Any]:
        """Give one z slice, shape (C, Y, X), without reading the others where the file lets it."""
        if self._array is None and self._plane is not None:
            return self._plane(index)
        return np.asarray(self.read()[:, index])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        return self.read()[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.read(), dtype=dtype, copy=copy)
