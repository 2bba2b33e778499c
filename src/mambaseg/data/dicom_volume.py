"""The pixels of a volume whose slices are decoded one by one."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.slice_stack import SliceStack
from mambaseg.types.errors import UnsupportedImageError

__all__ = ["read_stack"]


def read_stack(
    ordered: SliceStack,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    read: Callable[[Any], NDArray[Any]],
    what: str,
) -> NDArray[Any]:
    """Decode the slices of a stack into one array.

    Parameters
    ----------
    ordered : SliceStack
        Where each slice is found.
    shape : tuple of int
        (C, Z, Y, X), or (C, T, Z, Y, X).
    dtype : dtype
        Of the result.
    read : callable
        Decodes one slice, shape (Y, X, C); called by several threads.
    what : str
        What it is, for messages.

    Raises
    ------
    UnreadableImageError
        If a slice is damaged.
    UnsupportedImageError
        If a slice has another size than the first.
    """
    depth = len(ordered.keys[0])
    stored = np.empty((shape[0], len(ordered.keys), depth, *shape[-2:]), dtype)
    flat = [(time, z, key) for time, keys in enumerate(ordered.keys) for z, key in enumerate(keys)]

    def place(item: tuple[int, int, Any]) -> None:
        time, z, key = item
        pixels = np.moveaxis(read(key), -1, 0)
        if pixels.shape != (shape[0], *shape[-2:]):
            raise UnsupportedImageError(
                f"{what} mixes slices of {pixels.shape[-1]} x {pixels.shape[-2]} and of "
                f"{shape[-1]} x {shape[-2]} pixels; one size was expected. Export it again."
            )
        stored[:, time, z] = pixels

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for _ in pool.map(place, flat):
            pass
    if ordered.depths is not None:
        stored = _evenly(stored, ordered.depths, shape[-3])
    return stored.reshape(shape)


def _evenly(stored: NDArray[Any], depths: NDArray[np.float64], size: int) -> NDArray[Any]:
    """Interpolate slices linearly to lie one step apart."""
    even = np.empty((*stored.shape[:2], size, *stored.shape[3:]), stored.dtype)
    for z in range(size):
        above = min(max(int(np.searchsorted(depths, z)), 1), len(depths) - 1)
        low, high = depths[above - 1], depths[above]
        share = np.clip((z - low) / (high - low), 0, 1)
        mixed = stored[:, :, above - 1] * (1 - share) + stored[:, :, above] * share
        even[:, :, z] = mixed if stored.dtype.kind == "f" else np.rint(mixed)
    return even
