"""Segmentations as TIFF, one page per frame or slice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from mambaseg.data.label_numbers import as_labels, read_numbers
from mambaseg.data.segmentation_record import SegmentationRecord, label_block
from mambaseg.data.tiff import described_tiff
from mambaseg.files import write_whole
from mambaseg.types.errors import OutputError, UnreadableImageError
from mambaseg.types.segmentation import Segmentation

__all__ = ["read_tiff_labels", "write_tiff_labels"]


def write_tiff_labels(segmentation: Segmentation, path: Path) -> None:
    """Write labels page by page; what TIFF has no field for goes in its description, as JSON.

    Raises
    ------
    OutputError
        If the file cannot be written.
    UnsupportedImageError
        If a label is no whole number from 0 to 255.
    """
    labels = segmentation.labels
    record = json.dumps(SegmentationRecord.of(segmentation).model_dump(mode="json"))
    height, width = labels.shape[-2:]
    n_pages = int(np.prod(labels.shape[:-2]))
    with write_whole(path) as temporary:
        try:
            tifffile.imwrite(
                temporary,
                _pages(labels, path),
                shape=(n_pages, height, width),
                dtype=np.uint8,
                description=record,
                metadata=None,
                photometric="minisblack",
                compression="zlib",
                bigtiff=n_pages * height * width > 2**31,
            )
        except (ValueError, RuntimeError) as error:
            raise OutputError(
                f"{path} could not be written as TIFF. Write it as NRRD instead."
            ) from error


def read_tiff_labels(path: Path) -> Segmentation:
    """Read labels from TIFF, ours or another program's.

    Raises
    ------
    UnreadableImageError
        If the file is damaged.
    UnsupportedImageError
        If it holds no labels, or a newer mambaseg wrote it.
    """
    content = described_tiff(path)
    if content is not None:
        record = SegmentationRecord.parse(content, path)
        try:
            stored = tifffile.imread(path)
            labels = label_block(stored.reshape(record.shape), path)
        except (ValueError, OSError, tifffile.TiffFileError, IndexError) as error:
            raise UnreadableImageError(
                f"{path} is damaged or cut short: its pages are not those that it describes. "
                "Write the segmentation again."
            ) from error
        return record.segmentation(labels, record.geometry)
    return as_labels(read_numbers(path))


def _pages(labels: Any, path: Path) -> Iterator[NDArray[np.uint8]]:
    if labels.ndim == 2:
        yield label_block(labels[:, :], path)
        return
    for index in range(labels.shape[0]):
        block = label_block(labels[index], path)
        yield from block.reshape(-1, *block.shape[-2:])
