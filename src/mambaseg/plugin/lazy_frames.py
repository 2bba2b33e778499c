"""A lazy video as napari slices it: time first, colours last, a frame read when it is shown."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types import ArrayLike

__all__ = ["LazyFrames"]


class LazyFrames:
    """Some frames of an array with axes "CTYX" or "CTZYX", the channel last or left out.

    Costs a frame no more than it takes to read it; a graph of tasks, which
    napari's other lazy arrays are, costs several milliseconds each.

    Parameters
    ----------
    array : array-like, axes "CTYX" or "CTZYX"
        Read with numpy's indexing.
    frames : range
        Consecutive ones.
    channel : int or None
        The channel that is left; None for all, last.
    """

    def __init__(self, array: ArrayLike, frames: range, channel: int | None = None) -> None:
        self._array, self._frames, self._channel = array, frames, channel
        last = array.shape[:1] if channel is None else ()
        self.shape = (len(frames), *array.shape[2:], *last)
        self.dtype = array.dtype
        self.ndim = len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = list(key) if isinstance(key, tuple) else [key]
        place = next((i for i, part in enumerate(keys) if part is Ellipsis), None)
        if place is not None:
            keys[place : place + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        time, rest = keys[0], tuple(keys[1:])
        if isinstance(time, slice):
            part: NDArray[Any] = self._read(self._frames[time])[(slice(None), *rest)]
            return part
        if np.ndim(time):
            picked = [self._frames[int(index)] for index in np.asarray(time)]
            frames = np.stack([self._read(range(i, i + 1))[0] for i in picked])
            return np.asarray(frames[(slice(None), *rest)])
        index = self._frames[operator.index(time)]
        frame: NDArray[Any] = self._moved(np.asarray(self._array[:, index]))[rest]
        return frame

    def _read(self, frames: range) -> NDArray[Any]:
        if not frames:
            return np.empty((0, *self.shape[1:]), self.dtype)
        step = frames.step
        if step > 0:
            block = self._array[:, frames.start : frames.stop : step]
        else:
            block = np.asarray(self._array[:, frames[-1] : frames[0] + 1 : -step])[:, ::-1]
        return self._moved(np.asarray(block))

    def _moved(self, block: NDArray[Any]) -> NDArray[Any]:
        view: NDArray[Any] = (
            np.moveaxis(block, 0, -1) if self._channel is None else block[self._channel]
        )
        return view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a lazy video cannot become an array without a copy.")
        return np.asarray(self[:], dtype=dtype)
