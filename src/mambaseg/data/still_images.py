"""Still images: png, jpg, bmp, tif."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mambaseg.types.errors import MambasegError, UnreadableImageError, UnsupportedImageError
from mambaseg.types.image import MedicalImage

__all__ = [
    "IMAGE_SUFFIXES",
    "PixelForm",
    "channel_names",
    "pixel_form",
    "read_pixels",
    "read_still",
]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")

_GREY = {"1": "L", "L": "L", "LA": "L", "I;16": "I;16", "I;16B": "I;16", "I": "I", "F": "F"}
_DTYPES = {"L": np.uint8, "RGB": np.uint8, "I;16": np.uint16, "I": np.int32, "F": np.float32}


@dataclass(frozen=True)
class PixelForm:
    """Size, number of channels (1 or 3) and type of an image's pixels."""

    height: int
    width: int
    channels: int
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        kind = "colour" if self.channels == 3 else "grey"
        return f"{self.width} x {self.height} pixels, {kind}, {self.dtype}"


def channel_names(channels: int) -> tuple[str, ...]:
    """Names for 3 channels, red, green and blue, or for 1, intensity."""
    return ("red", "green", "blue") if channels == 3 else ("intensity",)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, str]]:
    """Open an image; give it with the mode to convert it to: grey, or RGB without alpha."""
    try:
        with Image.open(path) as image:
            if getattr(image, "n_frames", 1) > 1 and image.format == "TIFF":
                raise UnsupportedImageError(
                    f"{path} holds {getattr(image, 'n_frames', 1)} pages; one image per file "
                    "was expected. Save the pages as a folder of numbered images or as NRRD."
                )
            yield image, _GREY.get(image.mode, "RGB")
    except (MambasegError, MemoryError):
        raise
    except Exception as error:  # whatever a damaged file leads Pillow to
        raise UnreadableImageError(
            f"{path} cannot be read as an image: it is damaged, cut short or of a kind that is "
            "not understood. Open it in an image viewer and save it again as PNG."
        ) from error


def pixel_form(path: Path) -> PixelForm:
    """Size, channels and type of an image file, from its header alone.

    Raises
    ------
    UnreadableImageError
        If the header cannot be read.
    UnsupportedImageError
        If the file holds several pages.
    """
    with _opened(path) as (image, mode):
        channels = 3 if mode == "RGB" else 1
        return PixelForm(image.height, image.width, channels, np.dtype(_DTYPES[mode]))


def read_pixels(path: Path) -> NDArray[Any]:
    """Read an image file.

    Transparency is dropped. A camera's mark that the picture is to be turned
    (EXIF) is not obeyed, as most annotation tools do not obey it either.

    Returns
    -------
    ndarray, shape (Y, X, C)
        One channel for grey, three for colour.

    Raises
    ------
    UnreadableImageError
        If the file is damaged or cut short.
    UnsupportedImageError
        If it holds several pages.
    """
    with _opened(path) as (image, mode):
        pixels = np.array(image if image.mode == mode else image.convert(mode), _DTYPES[mode])
    return pixels if pixels.ndim == 3 else pixels[..., None]


def read_still(path: Path, source: str) -> MedicalImage:
    """Read one still image, axes "CYX", of unknown spacing; raises as `read_pixels`."""
    pixels = np.ascontiguousarray(np.moveaxis(read_pixels(path), -1, 0))
    return MedicalImage(pixels, "CYX", channel_names=channel_names(len(pixels)), source=source)
