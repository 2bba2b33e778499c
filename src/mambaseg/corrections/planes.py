"""The planes of a mask in memory, compressed: a journal's picture of what the mask holds."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import StoreError

__all__ = ["MASK_DTYPES", "Mask", "Planes", "as_planes", "digest", "pack", "unpack"]

Mask = NDArray[Any]

MASK_DTYPES = (
    *("bool", "uint8", "uint16", "uint32", "uint64"),
    *("int8", "int16", "int32", "int64"),
)
"""Types of labels that a journal keeps."""

_LEVEL = 1  # masks are all but empty: higher levels cost five times as much for little


def as_planes(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Shape of a mask whose axes before the last two are taken as one.

    Parameters
    ----------
    shape : tuple of int
        With axes (y, x), (frame, y, x) or (t, z, y, x).
    """
    return int(np.prod(shape[:-2], dtype=np.int64)), shape[-2], shape[-1]


def digest(plane: Mask) -> int:
    """CRC-32 of a plane's elements."""
    return zlib.crc32(np.ascontiguousarray(plane).view(np.uint8).data)


def pack(elements: Mask) -> bytes:
    """Compress elements in the order in which they lie, little-endian."""
    ordered = np.ascontiguousarray(elements, elements.dtype.newbyteorder("<"))
    return zlib.compress(ordered.view(np.uint8).data, _LEVEL)


def unpack(packed: bytes, shape: tuple[int, int], dtype: np.dtype[Any]) -> Mask:
    """Undo `pack`, never with more memory than the shape asks for.

    Raises
    ------
    StoreError
        If the bytes hold anything else.
    """
    length = shape[0] * shape[1] * dtype.itemsize
    stream = zlib.decompressobj()
    try:
        elements = stream.decompress(packed, max(1, length))
    except zlib.error as error:
        raise StoreError(f"A plane of the journal is damaged ({error}).") from error
    if len(elements) != length or not stream.eof:
        raise StoreError("A plane of the journal is damaged: its size is another one.")
    return np.frombuffer(bytearray(elements), dtype.newbyteorder("<")).reshape(shape)


class Planes:
    """All planes of a mask, read one at a time.

    Parameters
    ----------
    shape : (int, int, int)
        Planes, rows and columns.
    dtype : dtype
        Type of the labels.
    packed : list of bytes, optional
        The planes as `packed` gives them; all are empty unless given.
    """

    ndim = 3

    def __init__(
        self, shape: tuple[int, int, int], dtype: np.dtype[Any], packed: list[bytes] | None = None
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        if packed is None:
            nothing = np.zeros(shape[1:], self.dtype)
            self.packed = [pack(nothing)] * shape[0]
            self._digests: list[int | None] = [digest(nothing)] * shape[0]
        else:
            self.packed = packed
            self._digests = [None] * shape[0]

    def copy(self) -> Planes:
        """Give planes that change apart from these."""
        other = Planes(self.shape, self.dtype, list(self.packed))
        other._digests = list(self._digests)
        return other

    def __getitem__(self, index: int) -> Mask:
        """Give a plane, shape (Y, X), as a copy of its own."""
        return unpack(self.packed[index], self.shape[1:], self.dtype)

    def __setitem__(self, index: int, plane: Mask) -> None:
        """Take a plane, shape (Y, X)."""
        self.packed[index] = pack(plane)
        self._digests[index] = digest(plane)

    def __iter__(self) -> Iterator[Mask]:
        return (self[index] for index in range(self.shape[0]))

    def digest(self, index: int) -> int:
        """`digest` of a plane."""
        found = self._digests[index]
        if found is None:
            found = self._digests[index] = digest(self[index])
        return found

    def array(self) -> Mask:
        """All planes, shape (N, Y, X)."""
        whole = np.empty(self.shape, self.dtype)
        for index, plane in enumerate(self):
            whole[index] = plane
        return whole

    @property
    def n_bytes(self) -> int:
        """Memory that they take, compressed."""
        return sum(map(len, self.packed))
