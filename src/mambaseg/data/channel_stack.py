"""Channels of several arrays, indexed as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.deferred import DeferredArray
from mambaseg.types.image import ArrayLike

__all__ = ["ChannelStack"]


class ChannelStack:
    """Stands for an array whose channels lie in others; they are read when it is indexed.

    Parameters
    ----------
    channels : sequence of (array-like, int)
        For each channel an array with channels first, and which of them it is. All
        have the same axes and lengths.
    """

    def __init__(self, channels: Sequence[tuple[ArrayLike, int]]) -> None:
        self._channels = list(channels)
        self.shape = (len(self._channels), *self._channels[0][0].shape[1:])
        self.ndim = len(self.shape)
        self.dtype = np.result_type(*(array.dtype for array, _ in self._channels))

    def read_plane(self, index: int) -> NDArray[Any]:
        """Give one z slice, shape (C, Y, X), without reading the others where the files let it."""
        planes = [
            array.read_plane(index)[channel]
            if isinstance(array, (DeferredArray, ChannelStack))
            else np.asarray(array[channel, index])
            for array, channel in self._channels
        ]
        return np.stack(planes).astype(self.dtype, copy=False)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        key = key if isinstance(key, tuple) else (key,)
        for place, part in enumerate(key):
            if part is Ellipsis:
                left_out = (slice(None),) * (self.ndim - len(key) + 1)
                key = (*key[:place], *left_out, *key[place + 1 :])
                break
        chosen, *rest = key
        if not isinstance(chosen, slice):
            array, channel = self._channels[chosen]
            return np.asarray(array[(channel, *rest)], self.dtype)
        read = [np.asarray(array[(channel, *rest)]) for array, channel in self._channels[chosen]]
        return np.stack(read).astype(self.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)
