"""A video that is read one frame at a time."""

from __future__ import annotations

import operator
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameArray"]

CACHE_BYTES = 32 * 2**20


class FrameArray(ABC):
    """A lazy array with axes "CTYX" whose frames are loaded when they are indexed.

    It is indexed like numpy, by integers and slices (negative ones and steps
    too) on each axis, and gives numpy arrays of its own. The frames used last
    stay in memory: 32 MiB of them, but two at least. Threads may share it.

    Parameters
    ----------
    shape : tuple of int
        Number of channels, frames, rows and columns.
    dtype : dtype
        Type of the elements.
    """

    def __init__(self, shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> None:
        self._shape = shape
        self._dtype = dtype
        channels, _, rows, columns = shape
        self._capacity = max(2, CACHE_BYTES // (channels * rows * columns * dtype.itemsize))
        self._cache: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of channels, frames, rows and columns."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """Number of axes: 4."""
        return len(self._shape)

    @abstractmethod
    def _load(self, index: int) -> NDArray[Any]:
        """Read one frame, shape (Y, X, C); threads may call it at once."""

    def _remember(self, index: int, frame: NDArray[Any]) -> None:
        with self._lock:
            self._cache[index] = frame
            self._cache.move_to_end(index)
            while len(self._cache) > self._capacity:
                self._cache.popitem(last=False)

    def _frame(self, index: int) -> NDArray[Any]:
        frame = self._cache.get(index)
        if frame is None:
            frame = self._load(index)
        self._remember(index, frame)
        return frame

    def __len__(self) -> int:
        return self._shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        channel, time, row, column = self._keys(key)

        def cut(index: int) -> NDArray[Any]:
            view: NDArray[Any] = np.moveaxis(self._frame(index), -1, 0)[channel, row, column]
            return view

        if isinstance(time, int):
            # Laid out as it was decoded: colours next to each other, as screens want them.
            return cut(range(self._shape[1])[time]).copy(order="K")
        indices = range(self._shape[1])[time]
        channels, _, rows, columns = self._shape
        cut_shape = np.broadcast_to(False, (channels, rows, columns))[channel, row, column].shape
        time_axis = 0 if isinstance(channel, int) else 1
        shape = (*cut_shape[:time_axis], len(indices), *cut_shape[time_axis:])
        result = np.empty(shape, self._dtype)
        frames = np.moveaxis(result, time_axis, 0)
        for place, index in enumerate(indices):
            frames[place] = cut(index)
        return result

    def _keys(self, key: Any) -> list[int | slice]:
        keys = list(key) if isinstance(key, tuple) else [key]
        ellipses = [place for place, part in enumerate(keys) if part is Ellipsis]
        place = ellipses[0] if ellipses else len(keys)
        keys[place : place + 1] = [slice(None)] * (self.ndim - len(keys) + len(ellipses))
        if len(keys) != self.ndim or len(ellipses) > 1:
            raise IndexError(f"a video has {self.ndim} axes; got the index {key!r}.")
        return [part if isinstance(part, slice) else operator.index(part) for part in keys]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a lazy video cannot become an array without a copy.")
        return np.asarray(self[:], dtype=dtype)
