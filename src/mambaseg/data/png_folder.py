"""Segmentations as a folder of indexed PNG files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from mambaseg.data.index_png import read_index_png
from mambaseg.data.segmentation_record import SegmentationRecord, label_block
from mambaseg.files import write_folder_whole
from mambaseg.types.errors import OutputError, UnreadableImageError, UnsupportedImageError
from mambaseg.types.labels import LabelSet
from mambaseg.types.segmentation import Segmentation

__all__ = ["read_png_folder", "write_png_folder"]

_RECORD = "segmentation.json"
_GREY = (128, 128, 128)


def write_png_folder(segmentation: Segmentation, path: Path) -> None:
    """Write one indexed PNG per frame or slice, coloured as the classes are.

    The files are named frame_0000.png and so on; a pixel's palette index is its
    label, and what has no class is grey. PNG carries no spacing, times, names
    or provenance, so these go in segmentation.json beside the frames.

    Parameters
    ----------
    segmentation : Segmentation
        Axes "YX", "TYX" or "ZYX"; labels from 0 to 255, numpy or lazy.
    path : Path
        The folder. One that mambaseg wrote is replaced; any other must be empty.

    Raises
    ------
    OutputError
        If the folder cannot be written, or holds something else.
    UnsupportedImageError
        If the axes are "TZYX", or a label is no whole number from 0 to 255.
    """
    if segmentation.axes == "TZYX":
        raise UnsupportedImageError(
            "A film of volumes has too many axes for a folder of PNG files; "
            f"write {path}.nrrd instead."
        )
    if path.is_dir() and any(path.iterdir()) and not (path / _RECORD).is_file():
        raise OutputError(
            f"Cannot write {path}: the folder holds other files, which would be lost. "
            "Choose a folder that is new or empty."
        )
    palette = _palette(segmentation.label_set)
    labels = segmentation.labels
    n_frames = labels.shape[0] if labels.ndim == 3 else 1
    digits = max(4, len(str(n_frames - 1)))
    record = SegmentationRecord.of(segmentation)
    with write_folder_whole(path) as folder:
        for index in range(n_frames):
            frame = label_block(labels[index] if labels.ndim == 3 else labels[:, :], path)
            image = Image.frombytes("P", (frame.shape[1], frame.shape[0]), frame.tobytes())
            image.putpalette(palette)
            image.save(folder / f"frame_{index:0{digits}}.png")
        (folder / _RECORD).write_text(record.model_dump_json(indent=1), encoding="utf-8")


def read_png_folder(path: Path) -> Segmentation:
    """Read a folder that `write_png_folder` wrote.

    Raises
    ------
    UnreadableImageError
        If frames or the description are missing or damaged.
    UnsupportedImageError
        If a newer mambaseg wrote it.
    """
    try:
        content = json.loads((path / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableImageError(
            f"{path} is a folder without a readable {_RECORD}, which says what its frames mean; "
            "a folder written by mambaseg was expected."
        ) from error
    if not isinstance(content, dict):
        content = {}
    record = SegmentationRecord.parse(content, path / _RECORD)
    files = sorted(path.glob("frame_*.png"), key=lambda file: (len(file.name), file.name))
    *leading, height, width = record.shape
    if len(files) != (leading[0] if leading else 1):
        raise UnreadableImageError(
            f"{path} holds {len(files)} frames, but {_RECORD} says that there are "
            f"{leading[0] if leading else 1}. Write the segmentation again."
        )
    labels = np.empty((len(files), height, width), np.uint8)
    for place, file in zip(labels, files, strict=True):
        place[...] = read_index_png(file, (height, width))
    return record.segmentation(labels.reshape(record.shape), record.geometry)


def _palette(label_set: LabelSet) -> list[int]:
    colors = [(0, 0, 0)] + [_GREY] * 255
    for label in label_set.classes:
        colors[label.value] = label.rgb
    return [part for color in colors for part in color]
