"""Segmentations as NRRD."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mambaseg.data.nrrd_header import nrrd_header
from mambaseg.data.segmentation_record import (
    SegmentationRecord,
    binary_as_class,
    foreign_labels,
    label_block,
)
from mambaseg.data.volumes import axes_of, open_labels, placement
from mambaseg.files import write_whole
from mambaseg.types.errors import UnreadableImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import ArrayLike
from mambaseg.types.segmentation import Segmentation

__all__ = ["KEY_PREFIX", "read_nrrd", "write_nrrd"]

KEY_PREFIX = "mambaseg_"


def write_nrrd(segmentation: Segmentation, path: Path) -> None:
    """Write labels as NRRD, one element of the first axis at a time.

    No library writes NRRD piece by piece, and a long film's labels do not fit
    in memory; the header is a few lines of text, so it is written as such. What
    NRRD has no field for (which axes, what is unknown, names, provenance) goes
    in key/value pairs that begin with "mambaseg_".

    Parameters
    ----------
    segmentation : Segmentation
        Labels from 0 to 255; numpy or lazy.
    path : Path
        Where to write.

    Raises
    ------
    OutputError
        If the file cannot be written.
    UnsupportedImageError
        If a label is no whole number from 0 to 255.
    """
    with write_whole(path) as temporary, temporary.open("wb") as file:
        file.write(_header(segmentation))
        # Level 4 packs masks as tightly as level 6 in two thirds of the time.
        with gzip.GzipFile("", "wb", compresslevel=4, fileobj=file, mtime=0) as packed:
            for block in _blocks(segmentation.labels):
                packed.write(label_block(block, path).tobytes())


def read_nrrd(path: Path) -> Segmentation:
    """Read labels from NRRD, MHA or whatever SimpleITK reads.

    Files of other programs are read too: their axes are YX, ZYX or TZYX (TYX
    where there is one slice) and their classes are named by value. Where another
    program has changed the spacing, origin or direction of a file of ours, the
    change is believed.

    Raises
    ------
    UnreadableImageError
        If the file is damaged or not what it says.
    UnsupportedImageError
        If it holds no labels, or a newer mambaseg wrote it.
    """
    image, labels, unit_mm = open_labels(path)
    keys = [key for key in image.GetMetaDataKeys() if key.startswith(KEY_PREFIX)]
    if not keys:
        axes = axes_of(labels.shape)
        geometry = placement(image, min(3, labels.ndim), unit_mm)
        labels = binary_as_class(labels)
        if axes == "TYX":
            labels = labels[:, 0]
            geometry = replace(geometry, spacing_mm=geometry.spacing_mm and geometry.spacing_mm[1:])
        return Segmentation(labels, axes, foreign_labels(labels), geometry)
    try:
        content = {
            key.removeprefix(KEY_PREFIX): _value(key, image.GetMetaData(key)) for key in keys
        }
    except json.JSONDecodeError as error:
        raise UnreadableImageError(
            f"{path} is damaged: its keys that begin with {KEY_PREFIX} hold no JSON. "
            "Write the segmentation again."
        ) from error
    record = SegmentationRecord.parse(content, path)
    if labels.ndim != len(record.axes):
        raise UnreadableImageError(
            f"{path} has {labels.ndim} dimensions but says that its axes are {record.axes}; "
            "another program has changed it. Write the segmentation again."
        )
    found = placement(image, 3 if "Z" in record.axes else 2)
    return record.segmentation(labels, _believed(record, found, labels.shape))


def _value(key: str, text: str) -> Any:
    return text if key == KEY_PREFIX + "axes" else json.loads(text)


def _believed(record: SegmentationRecord, found: Geometry, shape: tuple[int, ...]) -> Geometry:
    """Take the recorded geometry, which is exact, unless the file's own says otherwise."""
    recorded = record.geometry
    n_spatial = len(found.spacing_mm or ())
    same_place = n_spatial == 2 or (
        np.allclose(recorded.origin_mm or np.zeros(3), found.origin_mm or (), atol=1e-6)
        and np.allclose(recorded.direction or np.eye(3).ravel(), found.direction or (), atol=1e-6)
    )
    spacing = recorded.spacing_mm or np.ones(n_spatial)
    if shape == record.shape and same_place and np.allclose(spacing, found.spacing_mm or ()):
        return recorded
    return found


def _blocks(labels: ArrayLike) -> Iterator[Any]:
    """Parts that follow each other in memory and are small enough to be read at once."""
    if labels.ndim == 2:
        yield labels[:, :]
        return
    for index in range(labels.shape[0]):
        yield labels[index]


def _header(segmentation: Segmentation) -> bytes:
    keys = {}
    for name, value in SegmentationRecord.of(segmentation).model_dump(mode="json").items():
        keys[KEY_PREFIX + name] = (
            value if name == "axes" else json.dumps(value).replace("\\", "\\\\")
        )
    shape, geometry = segmentation.labels.shape, segmentation.geometry
    return nrrd_header(segmentation.axes, shape, "uint8", geometry, encoding="gzip", keys=keys)
