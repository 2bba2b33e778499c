"""The SHA-256 of an image's pixels, taken while they are read."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.image import ArrayLike, MedicalImage

__all__ = ["HashedImage", "pixels_sha256"]


class HashedImage:
    """An image whose frames are hashed as they are first read.

    The hash is of axes, type and shape, then of each frame of a film or slice of
    a volume in turn, in C order with channels first: the same whether the array is
    lazy or in memory.

    Parameters
    ----------
    image : MedicalImage
    frames : range or None
        The frames of a film that count; None: all.

    Attributes
    ----------
    image : MedicalImage
        The same image; what reads a film through it is listened to, so that frames are
        hashed in the thread that reads them.
    """

    def __init__(self, image: MedicalImage, frames: range | None = None) -> None:
        self._array = image.array
        whole = range(image.array.shape[1] if image.array.ndim > 3 else 1)
        self._planes = frames if frames is not None and "T" in image.axes else whole
        self._next = self._planes.start
        kind = f"{image.axes} {np.dtype(image.array.dtype).newbyteorder('=')} {image.array.shape}"
        self._hash = hashlib.sha256(kind.encode())
        self._lock = threading.Lock()
        film = "T" in image.axes
        self.image = replace(image, array=_Listener(self, image.array)) if film else image

    def heard(self, start: int, frames: NDArray[Any]) -> None:
        """Hash those of the frames (C, T, ...) from `start` on whose turn it is."""
        with self._lock:
            for place in range(frames.shape[1]):
                if start + place == self._next < self._planes.stop:
                    frame: Any = np.ascontiguousarray(frames[:, place])
                    self._hash.update(frame)
                    self._next += 1

    def sha256(self) -> str:
        """Read what was not read yet, and give the hash in hexadecimal."""
        if self._array.ndim == 3:
            self.heard(0, np.asarray(self._array[:])[:, None])
        while self._next < self._planes.stop:
            frame = self._next
            self.heard(frame, np.asarray(self._array[:, frame : frame + 1]))
        return self._hash.hexdigest()


class _Listener:
    """A film that tells a HashedImage which frames are read."""

    def __init__(self, hashed: HashedImage, array: ArrayLike) -> None:
        self._hashed, self._array = hashed, array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key: Any) -> Any:
        whole = key if isinstance(key, tuple) else (key,)
        channels, time, *rest = (*whole, slice(None), slice(None))[: max(2, len(whole))]
        if not (isinstance(channels, slice) and isinstance(time, slice)):
            return self._array[key]
        start, stop, step = time.indices(self.shape[1])
        if step != 1:
            return self._array[key]
        frames = np.asarray(self._array[:, start:stop])
        self._hashed.heard(start, frames)
        return frames[(channels, slice(None), *rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)


def pixels_sha256(image: MedicalImage, frames: range | None = None) -> str:
    """Give the hash of an image's pixels, as of `HashedImage`, by reading it through."""
    return HashedImage(image, frames).sha256()
