"""Volumes: NIfTI, NRRD, MHA."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from mambaseg.data.nifti_files import sound_nifti
from mambaseg.data.segmentation_record import label_block
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage

__all__ = ["open_labels", "open_volume", "placement", "read_volume"]


def open_volume(path: Path) -> Any:
    """Read a file with SimpleITK.

    Raises
    ------
    UnreadableImageError
        If it cannot be read, or is cut short.
    """
    is_nifti = path.name.lower().endswith((".nii", ".nii.gz"))
    try:
        with sound_nifti(path) if is_nifti else nullcontext(path) as sound:
            return SimpleITK.ReadImage(str(sound))
    except RuntimeError as error:
        raise UnreadableImageError(
            f"{path} cannot be read: it is damaged, cut short or not of the kind that its name "
            "says. Copy or export it again."
        ) from error


def placement(image: Any, n_spatial: int) -> Geometry:
    """Spacing, origin and direction along the first axes of a SimpleITK image.

    Parameters
    ----------
    image : SimpleITK.Image
        Its first axes are x, y and, if `n_spatial` is 3, z.
    n_spatial : {2, 3}
        Number of axes in space.
    """
    dimension = image.GetDimension()
    direction = np.eye(3)
    whole = np.array(image.GetDirection()).reshape(dimension, dimension)
    direction[:n_spatial, :n_spatial] = whole[:n_spatial, :n_spatial]
    x, y, z = (*image.GetOrigin()[:n_spatial], 0.0)[:3]
    return Geometry(
        tuple(reversed(image.GetSpacing()[:n_spatial])),
        (x, y, z),
        tuple(direction.ravel().tolist()),
    )


def open_labels(path: Path) -> tuple[Any, NDArray[np.uint8]]:
    """Read a mask with SimpleITK.

    Returns
    -------
    image : SimpleITK.Image
        For its placement and metadata.
    labels : ndarray of uint8
        Two to four dimensions, x last.

    Raises
    ------
    UnreadableImageError
        If SimpleITK cannot read it.
    UnsupportedImageError
        If it is no mask.
    """
    image = open_volume(path)
    if image.GetNumberOfComponentsPerPixel() > 1 or image.GetDimension() not in (2, 3, 4):
        raise UnsupportedImageError(
            f"{path} has {image.GetDimension()} dimensions and "
            f"{image.GetNumberOfComponentsPerPixel()} values per element; a mask with 2 to 4 "
            "dimensions and one value was expected."
        )
    return image, label_block(SimpleITK.GetArrayFromImage(image), path)


def read_volume(path: Path, source: str) -> MedicalImage:
    """Read a NIfTI, NRRD or MHA file.

    Parameters
    ----------
    path : Path
        An existing file.
    source : str
        Where it came from, as the user wrote it.

    Returns
    -------
    MedicalImage
        Axes "CZYX", or "CYX" for two dimensions; a channel per component.

    Raises
    ------
    UnreadableImageError
        If the file cannot be read.
    UnsupportedImageError
        If it has more than three dimensions.
    """
    image = open_volume(path)
    dimension = image.GetDimension()
    if dimension not in (2, 3):
        size = " x ".join(str(length) for length in image.GetSize())
        raise UnsupportedImageError(
            f"{path} has {dimension} dimensions ({size}); an image of 2 or a volume of 3 was "
            "expected. Save one volume of it as a file of its own."
        )
    array = SimpleITK.GetArrayFromImage(image)
    n_channels = image.GetNumberOfComponentsPerPixel()
    array = np.moveaxis(array, -1, 0) if n_channels > 1 else array[None]
    names = tuple(f"channel {i}" for i in range(n_channels)) if n_channels > 1 else ("intensity",)
    axes = "CZYX" if dimension == 3 else "CYX"
    return MedicalImage(array, axes, placement(image, dimension), names, source)
