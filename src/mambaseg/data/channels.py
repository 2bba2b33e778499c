"""Several images as the channels of one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mambaseg.data.deferred import DeferredArray
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage

__all__ = ["join_channels", "open_channels"]

_SAME_PLACE = 0.1
"""How far corners may be apart, in steps of the grid; registered series differ by rounding."""


def open_channels(
    paths: Sequence[str | os.PathLike[str]],
    names: Sequence[str] | None = None,
    *,
    resample: bool = False,
) -> MedicalImage:
    """Open several files as the channels of one image; they are read when it is indexed.

    Parameters
    ----------
    paths : sequence of path-like
        Images of one channel each.
    names : sequence of str, optional
        Names of the channels; those of the files unless given.
    resample : bool
        Resample those that lie elsewhere to the first one's grid, linearly.

    Returns
    -------
    MedicalImage
        Its `source` is the first file's.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        If a file cannot be read, or the images do not lie on one grid.
    """
    from mambaseg.data.readers import base_name, open_image

    images = [open_image(path) for path in paths]
    return join_channels(images, names or [base_name(path) for path in paths], resample=resample)


def join_channels(
    images: Sequence[MedicalImage], names: Sequence[str], *, resample: bool = False
) -> MedicalImage:
    """Take images of one channel each as the channels of one image; see `open_channels`."""
    first = images[0]
    for image in images:
        if image.array.shape[0] != 1:
            raise UnsupportedImageError(
                f"{image.source} has {image.array.shape[0]} channels; images of one channel each "
                "were expected, to be made the channels of one."
            )
        difference = _difference(first, image)
        if difference and not resample:
            raise UnsupportedImageError(
                f"{Path(image.source).name} does not lie on the grid of "
                f"{Path(first.source).name}: {difference}. Choose images of one grid, or ask for "
                "the others to be resampled."
            )
    dtype = np.result_type(*(image.array.dtype for image in images))
    shape = (len(images), *first.array.shape[1:])

    def load() -> np.ndarray:
        from mambaseg.data.resampling import resample_to

        result = np.empty(shape, dtype)
        for place, image in zip(result, images, strict=True):
            same = image if not _difference(first, image) else resample_to(image, first)
            place[...] = np.asarray(same.array)[0]
        return result

    def plane(index: int) -> np.ndarray:
        from mambaseg.data.window import read_plane

        return np.concatenate([read_plane(image, index) for image in images])

    notes = tuple(dict.fromkeys(note for image in images for note in image.notes))
    same = not any(_difference(first, image) for image in images)
    return replace(
        first,
        array=DeferredArray(shape, dtype, load, plane if same else None),
        channel_names=tuple(names),
        notes=notes,
        window=None,
        header={key: value for key, value in first.header.items() if key == "Modality"},
    )


def _difference(first: MedicalImage, other: MedicalImage) -> str:
    """Say how an image lies otherwise than the first; "" if it does not."""
    if other.axes != first.axes or other.array.shape[1:] != first.array.shape[1:]:
        sizes = [" x ".join(map(str, reversed(image.array.shape[1:]))) for image in (first, other)]
        return f"it has {sizes[1]} elements and not {sizes[0]}"
    a, b = first.geometry, other.geometry
    if (a.spacing_mm is None) != (b.spacing_mm is None):
        return "one of the two has no known spacing"
    if a.spacing_mm is None or b.spacing_mm is None:
        return ""
    apart = float(np.abs(_corners(a, first.spatial_shape) - _corners(b, first.spatial_shape)).max())
    if apart > _SAME_PLACE * min(a.spacing_mm):
        return f"its corners lie up to {apart:.3g} mm elsewhere"
    return ""


def _corners(geometry: Geometry, shape: tuple[int, ...]) -> np.ndarray:
    """LPS positions (8, 3) of the corner voxels' centres."""
    spacing = np.array([1.0, *(geometry.spacing_mm or ())])[-3:][::-1]
    sizes = np.array([1, *shape])[-3:][::-1] - 1
    ends = np.array(np.meshgrid(*[(0, size) for size in sizes])).reshape(3, -1).T * spacing
    turn = np.reshape(geometry.direction or np.eye(3), (3, 3))
    corners: np.ndarray = ends @ turn.T + np.array(geometry.origin_mm or (0, 0, 0))
    return corners
