"""Resampling to another spacing or another image's grid, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from mambaseg.data.deferred import DeferredArray
from mambaseg.data.grids import Grid, GridChange, OnGrid
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import MedicalImage

__all__ = ["LabelRule", "Resample", "resample_to"]

LabelRule = Literal["nearest", "linear"]


@dataclass(frozen=True)
class Resample(GridChange):
    """Images interpolated linearly, labels by the nearest or per class linearly.

    Beyond the source's outermost elements, images keep the value at its edge
    for half an element and are 0 from there on.

    Parameters
    ----------
    source, target : Grid
        Before and after.
    label_rule : {"nearest", "linear"}
        "nearest" takes the label of the nearest element; "linear" interpolates
        each class as an image and takes the greatest, which gives smoother
        outlines.
    """

    source: Grid
    target: Grid
    label_rule: LabelRule = "nearest"

    @classmethod
    def to_spacing(
        cls,
        image: OnGrid,
        spacing_mm: Sequence[float],
        label_rule: LabelRule = "nearest",
    ) -> Resample:
        """Make the change to a spacing; it and the errors raised are those of `Grid.at_spacing`."""
        source = Grid.of(image)
        return cls(source, source.at_spacing(spacing_mm), label_rule)

    def forward(self, array: NDArray[Any], *, labels: bool = False) -> NDArray[Any]:
        """See `GridChange.forward`; images become float32."""
        return self._moved(array, self.source, self.target, labels=labels)

    def backward(self, array: NDArray[Any]) -> NDArray[Any]:
        """See `GridChange.backward`."""
        return self._moved(array, self.target, self.source, labels=True)

    def _moved(self, array: NDArray[Any], start: Grid, end: Grid, *, labels: bool) -> NDArray[Any]:
        lead = array.shape[: array.ndim - len(start.shape)]
        blocks = array.reshape(-1, *start.shape)
        dtype = array.dtype if labels else np.dtype(np.float32)
        result = np.empty((len(blocks), *end.shape), dtype)
        for place, block in zip(result, blocks, strict=True):
            if not labels:
                place[...] = _interpolated(block.astype(np.float32), start, end)
            elif self.label_rule == "nearest":
                place[...] = _interpolated(block, start, end, nearest=True)
            else:
                place[...] = _per_class(block, start, end)
        return result.reshape(*lead, *end.shape)


def resample_to(image: MedicalImage, other: MedicalImage) -> MedicalImage:
    """Resample a volume linearly to the grid of another, when its array is indexed.

    Raises
    ------
    UnsupportedImageError
        If one of the two is no volume with a known place.
    """
    for one in (image, other):
        if "Z" not in one.axes or one.geometry.spacing_mm is None or one.geometry.origin_mm is None:
            raise UnsupportedImageError(
                f"{one.source or 'The image'} does not say where it lies, so that nothing can be "
                "resampled from or to its grid."
            )
    change = Resample(Grid.of(image), Grid.of(other))
    shape = (*image.array.shape[: -len(change.target.shape)], *change.target.shape)
    array = DeferredArray(
        shape, np.dtype(np.float32), lambda: change.forward(np.asarray(image.array))
    )
    geometry = replace(other.geometry, frame_times_s=image.geometry.frame_times_s)
    return replace(image, array=array, geometry=geometry, region=None)


def _itk(block: NDArray[Any], grid: Grid) -> Any:
    image: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(block), isVector=False)
    size = image.GetDimension()
    spacing = np.array(grid.geometry.spacing_mm or (1.0,) * size)[::-1]
    # A picture is resampled within its own plane, wherever that lies.
    turn = grid.turn if size == 3 else np.eye(2)
    origin = grid.geometry.origin_mm if size == 3 else None
    # Where places are unknown the boxes' corners meet.
    first = turn @ (spacing / 2) if origin is None else np.array(origin)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(first.tolist())
    image.SetDirection(turn.ravel().tolist())
    return image


def _interpolated(
    block: NDArray[Any], start: Grid, end: Grid, *, nearest: bool = False
) -> NDArray[Any]:
    rule = SimpleITK.sitkNearestNeighbor if nearest else SimpleITK.sitkLinear
    target = _itk(np.empty(end.shape, np.uint8), end)
    itk: Any = SimpleITK  # ships no types
    moved = itk.Resample(_itk(block, start), target, itk.Transform(), rule, 0.0)
    return SimpleITK.GetArrayFromImage(moved)


def _per_class(block: NDArray[Any], start: Grid, end: Grid) -> NDArray[Any]:
    """Take at each element the class whose share is greatest."""
    best = np.zeros(end.shape, np.float32)
    labels = np.zeros(end.shape, block.dtype)
    for value in np.unique(block):
        share = _interpolated((block == value).astype(np.float32), start, end)
        wins = share > best
        labels[wins], best[wins] = value, share[wins]
    return labels
