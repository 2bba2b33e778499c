"""Segmentations as NIfTI."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

from mambaseg.data.itk_images import place, write_itk
from mambaseg.data.nifti_note import (
    NOTE_KEY,
    fitted,
    geometry_loss,
    nifti_note,
    noted_place,
    parse_note,
)
from mambaseg.data.segmentation_record import binary_as_class, foreign_labels, label_block
from mambaseg.data.volumes import axes_of, open_labels, placement
from mambaseg.types.segmentation import Provenance, Segmentation

__all__ = ["read_nifti", "write_nifti"]


def write_nifti(segmentation: Segmentation, path: Path) -> tuple[str, ...]:
    """Write labels as NIfTI, through memory.

    NIfTI is four-dimensional with time as the fourth axis, so a film's labels
    become (x, y, 1, t) and a single image's (x, y, 1). It carries spacing,
    origin and direction with the precision of float32, and one time between
    frames. It has no field for class names, colours and provenance: these are
    lost. Which axes exist and what is unknown stands in its description.

    Parameters
    ----------
    segmentation : Segmentation
        Labels from 0 to 255.
    path : Path
        Where to write, ending with .nii or .nii.gz.

    Returns
    -------
    tuple of str
        What was lost.

    Raises
    ------
    OutputError
        If the file cannot be written.
    UnsupportedImageError
        If a label is no whole number from 0 to 255.
    """
    axes, geometry = segmentation.axes, segmentation.geometry
    labels = label_block(segmentation.labels, path)
    if "Z" not in axes:
        labels = np.expand_dims(labels, -3)
    image: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(labels), isVector=False)
    place(image, axes, geometry)
    image.SetMetaData(NOTE_KEY, nifti_note(axes, geometry, mask=True))
    write_itk(image, path)
    told = [geometry_loss(geometry)]
    if segmentation.label_set != foreign_labels(labels) or segmentation.provenance != Provenance():
        told.append(
            "NIfTI has no room for the names and colours of classes, and for what made the mask; "
            "write NRRD to keep them."
        )
    return tuple(filter(None, told))


def read_nifti(path: Path) -> Segmentation:
    """Read labels from NIfTI; classes are named by their values.

    Files of other programs are read too, as ZYX, YX or, with four dimensions,
    TZYX (TYX where there is one slice).

    Raises
    ------
    UnreadableImageError
        If the file is damaged.
    UnsupportedImageError
        If it holds no labels, or a newer mambaseg wrote it.
    """
    image, labels, unit_mm = open_labels(path)
    found = placement(image, min(3, labels.ndim), unit_mm)
    note = image.GetMetaData(NOTE_KEY) if image.HasMetaDataKey(NOTE_KEY) else ""
    axes, unknown = parse_note(note, path) or ("", [])
    shape = fitted(axes, labels.shape)
    if shape is None:
        axes, unknown = axes_of(labels.shape), ["times"]
        shape = fitted(axes, labels.shape) or labels.shape
        labels = binary_as_class(labels)
    labels = labels.reshape(shape)
    times = None
    if "T" in axes and "times" not in unknown:
        step = image.GetSpacing()[3] if image.GetDimension() == 4 else 1.0
        times = tuple(index * step for index in range(len(labels)))
    geometry = replace(noted_place(found, axes, unknown), frame_times_s=times)
    return Segmentation(labels, axes, foreign_labels(labels), geometry)
