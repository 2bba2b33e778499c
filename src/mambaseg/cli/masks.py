"""Masks that other programs wrote, taken for those of a clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambaseg.types.segmentation import Segmentation

__all__ = ["read_masks"]


def read_masks(path: Path, axes: str) -> Segmentation:
    """Read masks of an image whose labels have these axes.

    Most programs know no time: they save a clip's masks as a volume. Where a
    clip is expected, the slices of a volume are taken for its frames.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        As of `read_segmentation`.
    """
    from mambaseg.data import read_segmentation
    from mambaseg.types.geometry import Geometry

    masks = read_segmentation(path)
    if (masks.axes, axes) == ("ZYX", "TYX"):
        return replace(masks, axes=axes, geometry=Geometry())
    return masks
