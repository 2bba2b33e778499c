"""Resampling to another spacing or another image's grid, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from mambaseg.data.grids import Grid, GridChange
from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation

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
        image: MedicalImage | Segmentation,
        spacing_mm: Sequence[float],
        label_rule: LabelRule = "nearest",
    ) -> Resample:
        """Make the change to a spacing.

        The grid covers the same box; its spacing is the nearest to that asked
        for with which a whole number of elements does.

        Parameters
        ----------
        spacing_mm : sequence of float
            Per axis in array order.

        Raises
        ------
        InvalidOptionError
            If it is not one positive number per axis.
        UnsupportedImageError
            If the image's spacing is unknown.
        """
        source = Grid.of(image)
        old = source.geometry.spacing_mm
        if old is None:
            raise UnsupportedImageError(
                "An image of unknown spacing cannot be resampled to millimetres; set its spacing "
                "first."
            )
        if len(spacing_mm) != len(old) or not all(0 < step < np.inf for step in spacing_mm):
            raise InvalidOptionError(
                f"The spacing {tuple(spacing_mm)} does not fit: {len(old)} positive numbers of "
                "millimetres were expected."
            )
        extent = np.multiply(old, source.shape)
        shape = np.maximum(1, np.rint(extent / spacing_mm)).astype(int)
        spacing = extent / shape
        # The boxes' edges meet, so that the first centres are half a difference apart.
        origin = source.moved((spacing / old - 1) / 2)
        geometry = replace(source.geometry, spacing_mm=tuple(spacing.tolist()), origin_mm=origin)
        return cls(source, Grid(tuple(shape.tolist()), geometry), label_rule)

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
    """Resample a volume linearly to the grid of another.

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
    return change.image(image)


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
