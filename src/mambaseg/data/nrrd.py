"""Segmentations as NRRD."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.segmentation_record import SegmentationRecord, foreign_labels, label_block
from mambaseg.data.volumes import open_labels, placement
from mambaseg.files import write_whole
from mambaseg.types.errors import UnreadableImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import ArrayLike
from mambaseg.types.segmentation import Segmentation

__all__ = ["read_nrrd", "write_nrrd"]

_PREFIX = "mambaseg_"


def write_nrrd(segmentation: Segmentation, path: Path) -> None:
    """Write labels as NRRD, one element of the first axis at a time.

    No library writes NRRD piece by piece, and a long film's labels do not fit
    in memory; the header is a few lines of text, so it is written here. What
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
        file.write(_header(segmentation).encode("ascii"))
        # Level 4 packs masks as tightly as level 6 in two thirds of the time.
        with gzip.GzipFile("", "wb", compresslevel=4, fileobj=file, mtime=0) as packed:
            for block in _blocks(segmentation.labels):
                packed.write(label_block(block, path).tobytes())


def read_nrrd(path: Path) -> Segmentation:
    """Read labels from NRRD, MHA or whatever SimpleITK reads.

    Files of other programs are read too: their axes are YX, ZYX or TZYX and
    their classes are named by value. Where another program has changed the
    spacing, origin or direction of a file of ours, the change is believed.

    Raises
    ------
    UnreadableImageError
        If the file is damaged or not what it says.
    UnsupportedImageError
        If it holds no labels, or a newer mambaseg wrote it.
    """
    image, labels = open_labels(path)
    keys = [key for key in image.GetMetaDataKeys() if key.startswith(_PREFIX)]
    if not keys:
        axes = {2: "YX", 3: "ZYX", 4: "TZYX"}[labels.ndim]
        geometry = placement(image, min(3, labels.ndim))
        return Segmentation(labels, axes, foreign_labels(labels), geometry)
    try:
        content = {key.removeprefix(_PREFIX): _value(key, image.GetMetaData(key)) for key in keys}
    except json.JSONDecodeError as error:
        raise UnreadableImageError(
            f"{path} is damaged: its keys that begin with {_PREFIX} hold no JSON. "
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
    return text if key == _PREFIX + "axes" else json.loads(text)


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


def _header(segmentation: Segmentation) -> str:
    axes, geometry = segmentation.axes, segmentation.geometry
    n_spatial = sum(axis in "ZYX" for axis in axes)
    size = len(axes)
    steps = [*reversed(geometry.spacing_mm or (1.0,) * n_spatial)]
    units = ["mm" if geometry.spacing_mm else ""] * n_spatial
    kinds = ["domain"] * n_spatial
    turn = np.eye(size)
    origin = np.zeros(size)
    if n_spatial == 3:
        # A plane has no place in a three-dimensional patient system; the record keeps it.
        turn[:3, :3] = np.reshape(geometry.direction or np.eye(3), (3, 3))
        origin[:3] = geometry.origin_mm or np.zeros(3)
    if "T" in axes:
        rate = geometry.frame_rate
        steps.append(1 / rate if rate else 1.0)
        units.append("s" if rate else "")
        kinds.append("time")
    space = {"ZYX": "space: left-posterior-superior", "TZYX": "space: left-posterior-superior-time"}
    lines = [
        "NRRD0005",
        "# Labels written by mambaseg",
        "type: uint8",
        f"dimension: {size}",
        space.get(axes, f"space dimension: {size}"),
        f"sizes: {' '.join(str(length) for length in reversed(segmentation.labels.shape))}",
        f"space directions: {' '.join(_vector(turn[:, i] * steps[i]) for i in range(size))}",
        f"kinds: {' '.join(kinds)}",
        "encoding: gzip",
        f"space origin: {_vector(origin)}",
        "space units: " + " ".join(f'"{unit}"' for unit in units),
    ]
    for name, value in SegmentationRecord.of(segmentation).model_dump(mode="json").items():
        text = value if name == "axes" else json.dumps(value).replace("\\", "\\\\")
        lines.append(f"{_PREFIX}{name}:={text}")
    return "\n".join(lines) + "\n\n"


def _vector(values: NDArray[Any]) -> str:
    return f"({','.join(repr(float(value)) for value in values)})"
