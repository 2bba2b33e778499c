"""Several images as the channels of one image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.channel_stack import ChannelStack
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage

__all__ = ["join_channels", "open_channels"]

_SAME_PLACE = 0.1
"""How far corners may be apart, in steps of the grid; registered series differ by rounding."""
_ROUNDING = 1e-3
"""What rounding may make of a spacing, as a share of it, and of a direction cosine."""
_COUNTED = {"Z": "slices along z", "Y": "rows along y", "X": "columns along x"}


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
        As in `join_channels`.

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
    """Take images of one channel each as the channels of one image.

    Parameters
    ----------
    images : sequence of MedicalImage
        What one of them does not know of its place is not compared.
    names : sequence of str
        Names of the channels.
    resample : bool
        Resample those that lie elsewhere to the first one's grid, linearly.

    Returns
    -------
    MedicalImage
        Placed as the first; the others are read when it is indexed.

    Raises
    ------
    UnsupportedImageError
        If one has several channels, or they lie on different grids.
    """
    first = images[0]
    placed = []
    for image, name in zip(images, names, strict=True):
        if image.array.shape[0] != 1:
            raise UnsupportedImageError(
                f"{image.source or name} has {image.array.shape[0]} channels, but the channel "
                f"{name!r} needs an image of one: choose another file or layer for it."
            )
        placed.append(_on_grid(image, first, resample=resample))
    if len(images) == 1:
        return replace(first, channel_names=tuple(names))
    return replace(
        first,
        array=ChannelStack([(image.array, 0) for image in placed]),
        channel_names=tuple(names),
        notes=tuple(dict.fromkeys(note for image in images for note in image.notes)),
        window=None,
        header={key: value for key, value in first.header.items() if key == "Modality"},
    )


def _on_grid(image: MedicalImage, first: MedicalImage, *, resample: bool) -> MedicalImage:
    a, b = first.source or "the first image", image.source or "another one"
    if first.axes != image.axes:
        raise UnsupportedImageError(
            f"{b} is a single {image.kind} ({image.axes}), but {a} is a single {first.kind} "
            f"({first.axes}): the channels of one image must be of one kind."
        )
    if first.n_frames != image.n_frames:
        raise UnsupportedImageError(
            f"{b} has {image.n_frames} frames in time, but {a} has {first.n_frames}: the channels "
            "of one image must have the same frames. Cut the longer one."
        )
    difference = _difference(first, image, a, b)
    if not difference:
        return image
    if resample:
        from mambaseg.data.resampling import resample_to

        return resample_to(image, first)
    raise UnsupportedImageError(
        f"{difference}: the channels of one image must lie on one grid. Choose others, or have "
        "them resampled (--resample in the shell)."
    )


def _difference(first: MedicalImage, other: MedicalImage, a: str, b: str) -> str:
    """Say how the other lies otherwise than the first, called b and a; "" if it does not."""
    axes = [axis for axis in "ZYX" if axis in first.axes]
    for axis, n, m in zip(axes, first.spatial_shape, other.spatial_shape, strict=True):
        if n != m:
            return f"{b} has {m} {_COUNTED[axis]}, but {a} has {n}"
    here, there = _told_by_both(first.geometry, other.geometry)
    spacing = here.spacing_mm or (1.0,) * len(axes)
    corners = [_corners(place, first.spatial_shape) for place in (here, there)]
    apart = float(np.abs(corners[0] - corners[1]).max())
    if apart <= _SAME_PLACE * min(spacing):
        return ""
    for axis, p, q in zip(axes, spacing, there.spacing_mm or spacing, strict=True):
        if not np.isclose(p, q, rtol=_ROUNDING):
            return f"{b} has a spacing of {q:.4g} mm along {axis.lower()}, but {a} has {p:.4g} mm"
    if not np.allclose(here.direction or 0, there.direction or 0, atol=_ROUNDING):
        return f"The axes of {b} point elsewhere in the patient than those of {a}"
    for axis, p, q in zip("xyz", here.origin_mm or (), there.origin_mm or (), strict=False):
        if abs(p - q) > _SAME_PLACE * min(spacing):
            return f"{b} begins at {axis} = {q:.4g} mm in the patient, but {a} at {p:.4g} mm"
    return f"The corners of {b} lie up to {apart:.3g} mm from those of {a}"


def _told_by_both(a: Geometry, b: Geometry) -> tuple[Geometry, Geometry]:
    """Leave out what one of the two does not know."""
    known = [
        name
        for name in ("spacing_mm", "origin_mm", "direction")
        if getattr(a, name) is not None and getattr(b, name) is not None
    ]
    here, there = (Geometry(**{name: getattr(one, name) for name in known}) for one in (a, b))
    return here, there


def _corners(geometry: Geometry, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """LPS positions (8, 3) of the corner voxels' centres."""
    spacing = np.array([1.0, *(geometry.spacing_mm or (1.0,) * len(shape))])[-3:][::-1]
    sizes = np.array([1, *shape])[-3:][::-1] - 1
    ends = np.array(np.meshgrid(*[(0, size) for size in sizes])).reshape(3, -1).T * spacing
    turn = np.reshape(geometry.direction or np.eye(3), (3, 3))
    corners: NDArray[np.float64] = ends @ turn.T + np.array(geometry.origin_mm or (0, 0, 0))
    return corners
