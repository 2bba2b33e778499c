"""What a segmentation file says about its labels, in a form that is checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.labels import LabelClass, LabelSet
from mambaseg.types.segmentation import Provenance, Segmentation

__all__ = [
    "FORMAT_VERSION",
    "SegmentationRecord",
    "binary_as_class",
    "check_version",
    "foreign_labels",
    "label_block",
]

FORMAT_VERSION = 1


class SegmentationRecord(BaseModel):
    """Everything of a Segmentation but its array."""

    model_config = ConfigDict(extra="ignore")

    format_version: int = FORMAT_VERSION
    axes: Literal["YX", "TYX", "ZYX", "TZYX"]
    shape: tuple[int, ...]
    geometry: Geometry
    labels: tuple[LabelClass, ...]
    provenance: Provenance

    @classmethod
    def of(cls, segmentation: Segmentation) -> Self:
        """Describe a segmentation."""
        return cls.model_validate(
            {
                "axes": segmentation.axes,
                "shape": segmentation.labels.shape,
                "geometry": segmentation.geometry,
                "labels": segmentation.label_set.classes,
                "provenance": segmentation.provenance,
            }
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any], path: Path) -> Self:
        """Check what was read from a file.

        Raises
        ------
        UnsupportedImageError
            If a newer mambaseg wrote it.
        UnreadableImageError
            If something is missing or of the wrong form.
        """
        check_version(content.get("format_version", 0), path)
        try:
            record = cls.model_validate(content)
            LabelSet(record.labels)
        except (ValidationError, ValueError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            place = ".".join(str(part) for part in first["loc"]) if first else "labels"
            problem = first["msg"] if first else str(error)
            raise UnreadableImageError(
                f"{path} does not describe its labels as mambaseg does: {place}: {problem}. "
                "Write the segmentation again."
            ) from error
        return record

    def segmentation(self, labels: NDArray[np.uint8], geometry: Geometry) -> Segmentation:
        """Join the record with its labels."""
        return Segmentation(labels, self.axes, LabelSet(self.labels), geometry, self.provenance)


def check_version(version: object, path: Path) -> None:
    """Refuse what a newer mambaseg wrote, with an UnsupportedImageError."""
    if not str(version).isdigit() or int(str(version)) > FORMAT_VERSION:
        raise UnsupportedImageError(
            f"{path} is of format version {version}; this mambaseg reads up to {FORMAT_VERSION}. "
            "Update mambaseg to read it."
        )


def label_block(block: Any, path: Path) -> NDArray[np.uint8]:
    """Make labels uint8, which holds every class and the value for "not annotated".

    `path` is the file that they come from or go to, for messages.

    Raises
    ------
    UnsupportedImageError
        If a label is no whole number from 0 to 255.
    """
    labels = np.asarray(block)
    if labels.dtype == np.uint8:
        return labels
    if labels.size and not (labels.dtype.kind in "iub" or np.array_equal(labels, np.rint(labels))):
        raise UnsupportedImageError(
            f"{path}: labels must be whole numbers from 0 to 255; these have fractions. "
            "An image was perhaps taken for a mask."
        )
    if labels.size and not 0 <= labels.min() <= labels.max() <= 255:
        raise UnsupportedImageError(
            f"{path}: labels must be whole numbers from 0 to 255; these go from {labels.min()} to "
            f"{labels.max()}. An image was perhaps taken for a mask."
        )
    return labels.astype(np.uint8)


def binary_as_class(labels: NDArray[Any]) -> NDArray[Any]:
    """Take 0 and 255 alone for a mask of class 1, as other programs often write one."""
    binary = labels.any() and np.isin(labels, (0, 255)).all()
    return (labels > 0).astype(np.uint8) if binary else labels


def foreign_labels(labels: NDArray[np.uint8]) -> LabelSet:
    """Classes named by their values, for files that name none."""
    values = [int(value) for value in np.unique(labels) if 0 < value < 255] or [1]
    return LabelSet.from_names({value: f"class {value}" for value in values})
