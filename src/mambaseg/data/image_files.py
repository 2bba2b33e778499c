"""Images out, as NRRD, MHA and NIfTI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

from mambaseg.data.blanking import blank_note, blanked
from mambaseg.data.image_record import IMAGE_KEY, ImageRecord
from mambaseg.data.itk_images import place, write_itk
from mambaseg.data.nifti_note import NOTE_KEY, geometry_loss, nifti_note
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import MedicalImage

__all__ = ["write_image"]

_SUFFIXES = (".nrrd", ".mha", ".nii", ".nii.gz")


def write_image(
    image: MedicalImage, path: str | os.PathLike[str], *, blank: bool = True
) -> tuple[str, ...]:
    """Write an image, whole or not at all, through memory.

    NRRD and MHA keep everything exactly. NIfTI rounds the geometry to float32
    and has no room for channel names, irregular frame times and what is unknown.

    Parameters
    ----------
    image : MedicalImage
        Any; lazy ones are read.
    path : path-like
        Ending with .nrrd, .mha, .nii or .nii.gz.
    blank : bool
        Make black what lies outside the region of an ultrasound picture, which
        may be text about the patient.

    Returns
    -------
    tuple of str
        What the user should know: what was lost or blanked.

    Raises
    ------
    OutputError
        If it cannot be written there.
    UnsupportedImageError
        If the format does not take it.
    """
    path = Path(path)
    name = path.name.lower()
    if not name.endswith(_SUFFIXES):
        raise UnsupportedImageError(
            f"Images cannot be written as {path}; choose one of {', '.join(_SUFFIXES)}."
        )
    array = np.asarray(image.array)
    if blank:
        array = blanked(array, image.region)
    if array.dtype == bool:
        array = array.astype(np.uint8)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    axes = image.axes[1:]
    is_nifti = name.endswith((".nii", ".nii.gz"))
    if is_nifti and "Z" not in axes:
        array = np.expand_dims(array, -3)
    several = len(array) > 1
    if is_nifti and several and array.shape[1] == 1:
        raise UnsupportedImageError(
            f"{path}: NIfTI readers lose the place of a single plane of several channels; write "
            "NRRD instead."
        )
    elements = np.ascontiguousarray(np.moveaxis(array, 0, -1) if several else array[0])
    itk: Any = SimpleITK.GetImageFromArray(elements, isVector=several)
    place(itk, axes, image.geometry)
    told = [blank_note(image)] if blank else []
    if is_nifti:
        itk.SetMetaData(NOTE_KEY, nifti_note(axes, image.geometry))
        told += [geometry_loss(image.geometry), _names_loss(image)]
    else:
        itk.SetMetaData(IMAGE_KEY, ImageRecord.of(image).model_dump_json())
    write_itk(itk, path, image.header if is_nifti else None)
    return tuple(filter(None, told))


def _names_loss(image: MedicalImage) -> str:
    if image.channel_names == ("intensity",):
        return ""
    return (
        f"NIfTI has no room for the names of channels {image.channel_names}; write NRRD to "
        "keep them."
    )
