"""Small clips with masks whose overlays are known pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mambaseg.types import Geometry, LabelClass, LabelSet, MedicalImage, Segmentation

CLASSES = LabelSet((LabelClass(1, "cavity", "#FF0000"), LabelClass(3, "wall", "#0040C8")))


@pytest.fixture
def classes() -> LabelSet:
    """Two classes, 1 "cavity" in red and 3 "wall" in blue; 4 means "not annotated"."""
    return CLASSES


@pytest.fixture
def make_clip() -> Callable[..., tuple[MedicalImage, Segmentation]]:
    """Make a noisy colour clip with a rectangle of each class that moves with time."""

    def make(
        frames: int = 4, height: int = 40, width: int = 60, rate: float | None = None
    ) -> tuple[MedicalImage, Segmentation]:
        noise = np.random.default_rng(7)
        array = noise.integers(0, 256, (3, frames, height, width), dtype=np.uint8)
        labels = np.zeros((frames, height, width), np.int16)
        for t in range(frames):
            labels[t, 4:14, 5 + t : 20 + t] = 1
            labels[t, 14:20, 5 + t : 20 + t] = 3
        times = None if rate is None else tuple(t / rate for t in range(frames))
        geometry = Geometry(frame_times_s=times)
        image = MedicalImage(array, "CTYX", geometry, ("red", "green", "blue"), "clip.mp4")
        return image, Segmentation(labels, "TYX", CLASSES, geometry)

    return make


class LazyFrames:
    """An array that is computed when it is read, and that counts what was read."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, axis: int) -> None:
        self.shape, self.ndim, self.dtype = shape, len(shape), np.dtype(dtype)
        self.frames_read: list[int] = []
        self._axis = axis

    def __getitem__(self, key: Any) -> np.ndarray:
        keys = key if isinstance(key, tuple) else (key,)
        wanted = np.arange(self.shape[self._axis])[keys[self._axis]]
        self.frames_read += np.atleast_1d(wanted).tolist()
        frame = np.add.outer(np.arange(self.shape[-2]), np.arange(self.shape[-1]))
        plane = (frame + wanted[..., None, None] if wanted.ndim else frame + wanted) % 2
        return (plane if self._axis == 0 else plane[None]).astype(self.dtype)


@pytest.fixture
def lazy_clip() -> Callable[[int], tuple[MedicalImage, Segmentation]]:
    """Make a grey film and a mask of 64 x 96 pixels whose frames exist only when read."""

    def make(frames: int) -> tuple[MedicalImage, Segmentation]:
        image = MedicalImage(LazyFrames((1, frames, 64, 96), np.uint16, axis=1), "CTYX")
        labels = LazyFrames((frames, 64, 96), np.uint8, axis=0)
        return image, Segmentation(labels, "TYX", CLASSES)

    return make
