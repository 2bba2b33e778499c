"""Segmentations as MetaImage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

from mambaseg.data.itk_images import place, write_itk
from mambaseg.data.nrrd import KEY_PREFIX
from mambaseg.data.segmentation_record import SegmentationRecord, label_block
from mambaseg.types.segmentation import Segmentation

__all__ = ["write_mha"]

_LONGEST_LINE = 16_000
"""Of characters; MetaImage readers give up on lines of twice as many."""


def write_mha(segmentation: Segmentation, path: Path) -> tuple[str, ...]:
    """Write labels as MHA, through memory.

    What the format has no field for goes in fields that begin with "mambaseg_",
    as in NRRD.

    Returns
    -------
    tuple of str
        What could not be kept.

    Raises
    ------
    OutputError
        If the file cannot be written.
    UnsupportedImageError
        If a label is no whole number from 0 to 255.
    """
    labels = label_block(segmentation.labels, path)
    image: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(labels), isVector=False)
    place(image, segmentation.axes, segmentation.geometry)
    told: tuple[str, ...] = ()
    fields = _fields(segmentation)
    if len(fields["geometry"]) > _LONGEST_LINE:
        geometry = replace(segmentation.geometry, frame_times_s=None)
        fields = _fields(replace(segmentation, geometry=geometry))
        told = ("MHA has no room for the times of so many frames; write NRRD to keep them.",)
    for name, text in fields.items():
        image.SetMetaData(KEY_PREFIX + name, text)
    write_itk(image, path)
    return told


def _fields(segmentation: Segmentation) -> dict[str, str]:
    record = SegmentationRecord.of(segmentation).model_dump(mode="json")
    return {name: value if name == "axes" else json.dumps(value) for name, value in record.items()}
