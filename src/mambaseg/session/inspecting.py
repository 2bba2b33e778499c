"""A first look at a file, before it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mambaseg.data.channels import join_channels
from mambaseg.data.memory import enough_memory
from mambaseg.data.parts import Part
from mambaseg.data.readers import open_image
from mambaseg.data.window import GreyWindow, read_plane
from mambaseg.session.describe import describe_image
from mambaseg.types import MedicalImage

__all__ = ["Glance", "Inspection", "glance", "inspect", "inspect_parts", "preview"]


@dataclass(frozen=True)
class Inspection:
    """What a file holds.

    Parameters
    ----------
    image : MedicalImage
        The image; its array reads the file when it is indexed.
    rows : list of (str, str)
        Its properties in words.
    preview : ndarray of uint8, shape (Y, X, 3)
        The frame or slice in the middle.
    """

    image: MedicalImage
    rows: list[tuple[str, str]]
    preview: NDArray[np.uint8]


@dataclass(frozen=True)
class Glance:
    """A line of a table.

    Parameters
    ----------
    modality, slices, spacing : str
        What the header says; "" where it says nothing.
    picture : ndarray of uint8, shape (Y, X, 3), or None
        A small picture of the middle; None where the image cannot be read.
    problem : str
        Why it cannot be read; "" if it can.
    """

    modality: str = ""
    slices: str = ""
    spacing: str = ""
    picture: NDArray[np.uint8] | None = None
    problem: str = ""


def inspect(path: Path) -> Inspection:
    """Read a file far enough to say what it holds.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        If it cannot be read.
    """
    return _inspected(open_image(path))


def inspect_parts(parts: Sequence[Part], *, resample: bool = False) -> Inspection:
    """Read parts of a path far enough to say what they hold together.

    Parameters
    ----------
    parts : sequence of Part
        One, or several that become the channels of one image.
    resample : bool
        As in `mambaseg.data.read_image`.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        If one cannot be read, or they do not fit together.
    """
    images = [part.open(resample=resample) for part in parts]
    if len(images) == 1:
        return _inspected(images[0])
    return _inspected(join_channels(images, [part.name for part in parts], resample=resample))


def glance(part: Part, size: int) -> Glance:
    """Look at a part for a table, with a picture of at most `size` x `size` pixels.

    Raises
    ------
    MambasegError
        If it cannot be read.
    """
    image = part.open()
    picture = Image.fromarray(preview(image))
    picture.thumbnail((size, size))
    spacing = image.geometry.spacing_mm
    return Glance(
        image.header.get("Modality", ""),
        str(image.array.shape[-3]) if image.array.ndim > 3 else "1",
        "" if spacing is None else _in_two_lines([f"{step:.3g}" for step in reversed(spacing)]),
        np.asarray(picture),
    )


def _in_two_lines(steps: list[str]) -> str:
    """Join steps along x, y and z, the last in a line of its own: tables are narrow."""
    return " x ".join(steps[:2]) + "".join(f"\nx {step}" for step in steps[2:])


def _inspected(image: MedicalImage) -> Inspection:
    return Inspection(image, describe_image(image), preview(image))


def preview(image: MedicalImage, index: int | None = None) -> NDArray[np.uint8]:
    """Picture a frame or slice, by default the one in the middle.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.
    """
    planes = 1 if image.axes == "CYX" else image.array.shape[1]
    with enough_memory(image.source, image.array):
        plane = read_plane(image, planes // 2 if index is None else index)
    if plane.ndim == 4:  # of a video of volumes, the slice in the middle
        plane = plane[:, plane.shape[1] // 2]
    if len(plane) == 3 and plane.dtype == np.uint8:
        return np.ascontiguousarray(np.moveaxis(plane, 0, -1))
    grey = plane[0]
    if grey.dtype != np.uint8:
        window = image.window if len(image.channel_names) == 1 else None
        grey = (GreyWindow(*window) if window else GreyWindow.of_plane(grey)).apply(grey)
    return np.repeat(grey[..., None], 3, axis=2)
