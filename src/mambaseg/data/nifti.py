"""Segmentations as NIfTI."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

from mambaseg.data.segmentation_record import (
    FORMAT_VERSION,
    check_version,
    foreign_labels,
    label_block,
)
from mambaseg.data.volumes import open_labels, placement
from mambaseg.files import write_whole
from mambaseg.types.errors import OutputError, UnreadableImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.segmentation import Segmentation

__all__ = ["read_nifti", "write_nifti"]

_NOTE = re.compile(r"mambaseg (\d+) (T?Z?YX) unknown:((?: \w+)*)")
_NOTE_KEY = "ITK_FileNotes"


def write_nifti(segmentation: Segmentation, path: Path) -> None:
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
    image: Any = SimpleITK.GetImageFromArray(labels, isVector=False)
    spacing = (1.0,) * (2 if "Z" not in axes else 3)
    steps = [*reversed(geometry.spacing_mm or spacing), 1.0][:3]
    turn = np.eye(labels.ndim)
    turn[:3, :3] = np.reshape(geometry.direction or np.eye(3), (3, 3))
    origin = [*(geometry.origin_mm or (0.0, 0.0, 0.0))]
    if "T" in axes:
        steps.append(1 / (geometry.frame_rate or 1.0))
        origin.append(0.0)
    unknown = [
        name
        for name, value in (
            ("spacing", geometry.spacing_mm),
            ("origin", geometry.origin_mm),
            ("direction", geometry.direction),
            ("times", geometry.frame_times_s),
        )
        if value is None
    ]
    with write_whole(path) as temporary:
        try:
            image.SetSpacing(steps)
            image.SetOrigin(origin)
            image.SetDirection(turn.ravel().tolist())
            note = f"mambaseg {FORMAT_VERSION} {axes} unknown: {' '.join(unknown)}"
            image.SetMetaData(_NOTE_KEY, note)
            SimpleITK.WriteImage(image, str(temporary))
        except RuntimeError as error:
            raise OutputError(
                f"{path} could not be written as NIfTI: its geometry does not fit the format, or "
                "the disk is full. Write it as NRRD instead."
            ) from error


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
    image, labels = open_labels(path)
    stored = labels.shape
    found = placement(image, min(3, labels.ndim))
    note = image.GetMetaData(_NOTE_KEY) if image.HasMetaDataKey(_NOTE_KEY) else ""
    match = _NOTE.match(note)
    if match:
        version, axes, listed = match.groups()
        check_version(version, path)
        unknown = listed.split()
    else:
        axes = {2: "YX", 3: "ZYX", 4: "TZYX"}[labels.ndim]
        if labels.ndim == 4 and labels.shape[1] == 1:
            axes = "TYX"
        unknown = ["times"]
    # Readers drop trailing axes of length 1, and YX and TYX were given a z axis.
    n_spatial = sum(axis in "ZYX" for axis in axes)
    inner = labels.shape[-2:] if n_spatial == 2 else (1, 1, *labels.shape)[-3:]
    try:
        labels = labels.reshape((-1, *inner) if "T" in axes else inner)
    except ValueError as error:
        raise UnreadableImageError(
            f"{path} says that its axes are {axes}, which do not fit its shape {stored}; "
            "another program has changed it. Write the segmentation again."
        ) from error
    times = None
    if "T" in axes and "times" not in unknown:
        step = image.GetSpacing()[3] if image.GetDimension() == 4 else 1.0
        times = tuple(index * step for index in range(len(labels)))
    spacing = found.spacing_mm and found.spacing_mm[-n_spatial:]
    geometry = Geometry(
        None if "spacing" in unknown else spacing,
        None if "origin" in unknown else found.origin_mm,
        None if "direction" in unknown else found.direction,
        times,
    )
    return Segmentation(labels, axes, foreign_labels(labels), geometry)
