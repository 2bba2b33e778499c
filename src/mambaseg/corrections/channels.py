"""A clip's intensities on disk: one NRRD file per channel, read back frame by frame."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.frame_array import FrameArray
from mambaseg.data.nrrd_header import NRRD_TYPES, nrrd_header
from mambaseg.files import write_whole
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.image import MedicalImage

__all__ = ["ChannelFiles", "content_sha256", "write_channels"]

_LONGEST_HEADER = 4096
_DTYPES = {name: dtype for dtype, name in NRRD_TYPES.items()}
_WIDENED = {"bool": "uint8", "float16": "float32"}


def _storable(image: MedicalImage) -> np.dtype[Any]:
    name = image.array.dtype.name
    name = _WIDENED.get(name, name)
    if name not in NRRD_TYPES:
        raise UnsupportedImageError(
            f"{image.source or 'The image'} has intensities of the type {name}, which a store of "
            f"corrections cannot keep: convert them to one of {', '.join(NRRD_TYPES)}."
        )
    return np.dtype(name).newbyteorder("<")


def content_sha256(image: MedicalImage) -> str:
    """SHA-256 of an image's axes, shape, type and intensities, in hexadecimal.

    Parameters
    ----------
    image : MedicalImage
        Axes "CTYX" or "CZYX"; one frame or slice is in memory at a time.
    """
    found = hashlib.sha256(f"{image.axes} {image.array.shape} {image.array.dtype}".encode())
    for index in range(image.array.shape[1]):
        found.update(np.asarray(image.array[:, index]).tobytes())
    return found.hexdigest()


def write_channels(image: MedicalImage, paths: Sequence[Path]) -> None:
    """Write each channel of a clip or volume to a file of its own, uncompressed.

    Uncompressed, so that a frame of a long film is found without reading those
    before it.

    Parameters
    ----------
    image : MedicalImage
        Axes "CTYX" or "CZYX"; one frame or slice is in memory at a time.
    paths : sequence of Path
        One `.nrrd` file per channel.

    Raises
    ------
    OutputError
        If a file cannot be written.
    UnsupportedImageError
        If the type of the intensities cannot be kept, or some are no numbers.
    """
    dtype = _storable(image)
    header = nrrd_header(
        image.axes[1:], image.array.shape[1:], dtype.name, image.geometry, encoding="raw", keys={}
    )
    with ExitStack() as stack:
        files = []
        for path in paths:
            temporary = stack.enter_context(write_whole(path))
            files.append(stack.enter_context(temporary.open("wb")))
            files[-1].write(header)
        for index in range(image.array.shape[1]):
            planes = np.asarray(image.array[:, index])
            if not np.isfinite(planes).all():
                raise UnsupportedImageError(
                    f"{image.source or 'The image'} holds values that are not numbers in frame "
                    f"{index}, which no training takes: replace them first."
                )
            for file, plane in zip(files, planes, strict=True):
                file.write(plane.astype(dtype).tobytes())


class ChannelFiles(FrameArray):
    """Channel files as one lazy array with axes "CTYX" (or "CZYX").

    Parameters
    ----------
    paths : sequence of Path
        One file of `write_channels` per channel.
    shape : (int, int, int)
        Frames (or slices), rows and columns that each must hold.

    Raises
    ------
    UnreadableImageError
        If a file is missing, damaged or of another shape or type.
    """

    def __init__(self, paths: Sequence[Path], shape: tuple[int, int, int]) -> None:
        dtypes, starts = zip(*(_layout(path, shape) for path in paths), strict=True)
        if len(set(dtypes)) > 1:
            raise UnreadableImageError(
                f"{paths[0]} and the case's other channels are of different types {dtypes}; "
                "another program has changed them. Remove the case and verify it again."
            )
        super().__init__((len(paths), *shape), dtypes[0])
        self._maps = [
            np.memmap(path, dtypes[0], "r", start, shape)
            for path, start in zip(paths, starts, strict=True)
        ]

    def _load(self, index: int) -> NDArray[Any]:
        return np.stack([plane[index] for plane in self._maps], axis=-1)


def _layout(path: Path, shape: tuple[int, int, int]) -> tuple[np.dtype[Any], int]:
    """Type of a file's elements, and where in it they begin."""
    try:
        with path.open("rb") as file:
            head, found, _ = file.read(_LONGEST_HEADER).partition(b"\n\n")
            length = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise UnreadableImageError(
            f"{path} cannot be opened: {error.strerror}. Remove the case and verify it again."
        ) from error
    lines = head.decode("ascii", "replace").splitlines()
    fields = dict(line.split(": ", 1) for line in lines if ": " in line)
    dtype = np.dtype(_DTYPES.get(fields.get("type", ""), "uint8")).newbyteorder("<")
    start = len(head) + len(found)
    expected = {
        "type": NRRD_TYPES[dtype.name],
        "sizes": " ".join(str(count) for count in reversed(shape)),
        "encoding": "raw",
        "endian": "little",
    }
    if not found or not expected.items() <= fields.items() or length != start + _size(shape, dtype):
        raise UnreadableImageError(
            f"{path} is cut short, damaged or changed by another program: expected raw NRRD with "
            f"frames of the shape {shape}. Remove the case and verify it again."
        )
    return dtype, start


def _size(shape: tuple[int, int, int], dtype: np.dtype[Any]) -> int:
    return math.prod(shape) * dtype.itemsize
