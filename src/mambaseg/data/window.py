"""One grey window for all frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.blanking import blanked
from mambaseg.data.channel_stack import ChannelStack
from mambaseg.data.deferred import DeferredArray
from mambaseg.types.image import MedicalImage

__all__ = ["GreyWindow", "read_plane", "rgb_plane"]

_SAMPLED_FRAMES = 8
_PERCENTILES = (0.5, 99.5)


def read_plane(image: MedicalImage, index: int) -> NDArray[Any]:
    """Read one frame of a video, one z slice of a volume, or a still image.

    Parameters
    ----------
    image : MedicalImage
        Axes "CYX", "CTYX" or "CZYX".
    index : int
        Which frame or slice; 0 for a still image.

    Returns
    -------
    ndarray, shape (C, Y, X)
        Its intensities; nothing else of a lazy array is read.
    """
    if image.axes == "CYX":
        return np.asarray(image.array[:])
    if isinstance(image.array, (DeferredArray, ChannelStack)) and image.axes == "CZYX":
        return image.array.read_plane(index)
    return np.asarray(image.array[:, index : index + 1])[:, 0]


@dataclass(frozen=True)
class GreyWindow:
    """The intensities that are shown as black and as white.

    Parameters
    ----------
    black, white : float
        Intensities at and below `black` become 0, at and above `white` 255.
    """

    black: float
    white: float

    @classmethod
    def of(cls, image: MedicalImage, channel: int = 0) -> GreyWindow:
        """Choose the window for one of an image's channels, the first unless another is named.

        Intensities of uint8 are shown as they are. Others are spread between
        the 0.5th and 99.5th percentile of a few evenly spaced frames or slices,
        so that the window is the same whichever frames are shown.
        """
        if image.array.dtype == np.uint8:
            return cls(0.0, 255.0)
        planes = 1 if image.axes == "CYX" else image.array.shape[1]
        chosen = np.linspace(0, planes - 1, min(planes, _SAMPLED_FRAMES)).round().astype(int)
        sample = np.stack([read_plane(image, int(i))[channel] for i in chosen]).astype(np.float64)
        return cls.of_plane(sample)

    @classmethod
    def of_plane(cls, sample: NDArray[Any]) -> GreyWindow:
        """Choose the window for some intensities, as `of` does; passes over what is no number."""
        finite = sample[np.isfinite(sample)]
        if finite.size == 0:
            return cls(0.0, 1.0)
        black, white = np.percentile(finite, _PERCENTILES)
        if black == white:
            # A small bright thing on an even ground escapes the percentiles.
            black, white = finite.min(), finite.max()
        return cls(float(black), float(white))

    def scale(self, intensities: NDArray[Any]) -> NDArray[np.float32]:
        """Map intensities of any shape to 0 (black) to 1; what is not a number is black."""
        span = (self.white - self.black) or 1.0
        level = (np.asarray(intensities, np.float32) - np.float32(self.black)) / np.float32(span)
        scaled: NDArray[np.float32] = np.nan_to_num(np.clip(level, 0, 1))
        return scaled

    def picture(self, channels: NDArray[Any]) -> NDArray[np.uint8]:
        """Show a plane (C, Y, X) as red, green and blue (Y, X, 3).

        Three channels of uint8 are those colours as they are; else the first is shown in grey.
        """
        if channels.shape[0] == 3 and channels.dtype == np.uint8:
            return np.ascontiguousarray(np.moveaxis(channels, 0, -1))
        return np.repeat(self.apply(channels[0])[..., None], 3, axis=2)

    def apply(self, plane: NDArray[Any]) -> NDArray[np.uint8]:
        """Map intensities, shape (Y, X), to grey levels; what is not a number is black."""
        if plane.dtype == np.uint8:
            return plane
        return np.rint(self.scale(plane) * 255).astype(np.uint8)


def rgb_plane(image: MedicalImage, index: int) -> NDArray[np.uint8]:
    """Read one frame or slice as a picture, (Y, X, 3): in colour, or its first channel in grey.

    Reports and records of runs keep such pictures, so they are black outside the region of an
    ultrasound image, where text about the patient may stand.

    Parameters
    ----------
    image, index
        As of `read_plane`.
    """
    return GreyWindow.of(image).picture(blanked(read_plane(image, index), image.region))
