"""Placing SimpleITK's images, and writing them whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

from mambaseg.data.nifti_files import restore_codes
from mambaseg.files import write_whole
from mambaseg.types.errors import OutputError
from mambaseg.types.geometry import Geometry

__all__ = ["place", "write_itk"]


def place(image: Any, axes: str, geometry: Geometry) -> None:
    """Place a SimpleITK image; what is unknown gets ITK's own defaults, 1 and 0.

    Parameters
    ----------
    image : SimpleITK.Image
        With the dimensions of `axes`; or with one more, a z axis of length 1
        that NIfTI needs to be told time from z.
    axes : str
        Its array's axes without the channel: "YX", "TYX", "ZYX" or "TZYX".
    geometry : Geometry
        Of the image.
    """
    size = image.GetDimension()
    n_spatial = sum(axis in "ZYX" for axis in axes)
    spacing = [*reversed(geometry.spacing_mm or (1.0,) * n_spatial)]
    origin, turn = np.zeros(size), np.eye(size)
    if size > len(axes):
        spacing, n_spatial = [*spacing, 1.0], 3
    if n_spatial == 3:
        origin[:3] = geometry.origin_mm or np.zeros(3)
        turn[:3, :3] = np.reshape(geometry.direction or np.eye(3), (3, 3))
    if "T" in axes:
        spacing.append(1 / (geometry.frame_rate or 1.0))
    image.SetSpacing(spacing)
    image.SetOrigin(origin.tolist())
    image.SetDirection(turn.ravel().tolist())


def write_itk(image: Any, path: Path, header: Mapping[str, str] | None = None) -> None:
    """Write a SimpleITK image, packed.

    Parameters
    ----------
    image : SimpleITK.Image
    path : Path
    header : mapping of str to str, optional
        Of the NIfTI file that it was read from, to be restored in one.

    Raises
    ------
    OutputError
        If it cannot be written there, or its geometry does not fit the format.
    """
    with write_whole(path) as temporary:
        try:
            SimpleITK.WriteImage(image, str(temporary), useCompression=True)
        except RuntimeError as error:
            raise OutputError(
                f"{path} could not be written: its geometry does not fit the format, or the disk "
                "is full. Write it as NRRD instead."
            ) from error
        if header:
            restore_codes(temporary, header)
