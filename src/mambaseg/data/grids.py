"""Where an image's elements lie, and what changes of that have in common.

A change is made for one grid and says where it comes from and where it leads.
`image` and `labels` take what lies on the first to the second; `back` brings
labels home to exactly the grid on which the image was read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation

__all__ = ["Grid", "GridChange", "OnGrid"]


@dataclass(frozen=True)
class Grid:
    """Number of elements along (y, x) or (z, y, x), and where they lie."""

    shape: tuple[int, ...]
    geometry: Geometry

    @classmethod
    def of(cls, image: OnGrid) -> Grid:
        """Give the grid of an image or a mask."""
        if isinstance(image, Grid):
            return image
        if isinstance(image, MedicalImage):
            return cls(image.spatial_shape, image.geometry)
        n_spatial = len(image.axes.removeprefix("T"))
        return cls(tuple(image.labels.shape[-n_spatial:]), image.geometry)

    @property
    def turn(self) -> NDArray[np.float64]:
        """LPS directions of the axes x, y and z, as columns."""
        return np.reshape(self.geometry.direction or np.eye(3), (3, 3))

    def moved(self, offset: Sequence[float]) -> tuple[float, float, float] | None:
        """LPS position of the element at an offset in array order; None if unknown."""
        if self.geometry.origin_mm is None or self.geometry.spacing_mm is None:
            return None
        steps = np.zeros(3)
        scaled = np.multiply(offset, self.geometry.spacing_mm)[::-1]
        steps[: len(scaled)] = scaled
        x, y, z = (np.array(self.geometry.origin_mm) + self.turn @ steps).tolist()
        return x, y, z

    def at_spacing(self, spacing_mm: Sequence[float]) -> Grid:
        """Give the grid over the same box with another spacing.

        It is the nearest to that asked for with which a whole number of elements
        fills the box.

        Parameters
        ----------
        spacing_mm : sequence of float
            Per axis in array order.

        Raises
        ------
        InvalidOptionError
            If it is not one positive number per axis.
        UnsupportedImageError
            If this grid's own spacing is unknown.
        """
        old = self.geometry.spacing_mm
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
        extent = np.multiply(old, self.shape)
        shape = np.maximum(1, np.rint(extent / spacing_mm)).astype(int)
        spacing = extent / shape
        # The boxes' edges meet, so that the first centres are half a difference apart.
        origin = self.moved((spacing / old - 1) / 2)
        geometry = replace(self.geometry, spacing_mm=tuple(spacing.tolist()), origin_mm=origin)
        return Grid(tuple(shape.tolist()), geometry)


OnGrid = MedicalImage | Segmentation | Grid
"""What a change of grid can be made for."""


class GridChange(ABC):
    """A change from one grid to another, and back.

    Attributes
    ----------
    source, target : Grid
        Where it comes from and where it leads.
    """

    source: Grid
    target: Grid

    @abstractmethod
    def forward(self, array: NDArray[Any], *, labels: bool = False) -> NDArray[Any]:
        """Change an array whose last axes are those of the source grid."""

    @abstractmethod
    def backward(self, array: NDArray[Any]) -> NDArray[Any]:
        """Bring labels whose last axes are those of the target grid to the source grid."""

    def image(self, image: MedicalImage) -> MedicalImage:
        """Change an image on the source grid.

        Raises
        ------
        UnsupportedImageError
            If it lies on another grid.
        """
        self._check(image.spatial_shape, self.source, image.source or "the image")
        geometry = replace(self.target.geometry, frame_times_s=image.geometry.frame_times_s)
        array = self.forward(np.asarray(image.array))
        return replace(image, array=array, geometry=geometry, region=None)

    def labels(self, segmentation: Segmentation) -> Segmentation:
        """Change a mask on the source grid; raises as `image`."""
        return self._mask(segmentation, self.source, self.target, back=False)

    def back(self, segmentation: Segmentation) -> Segmentation:
        """Bring a mask on the target grid to the source grid; raises as `image`."""
        return self._mask(segmentation, self.target, self.source, back=True)

    def _mask(self, mask: Segmentation, start: Grid, end: Grid, *, back: bool) -> Segmentation:
        self._check(Grid.of(mask).shape, start, "the mask")
        array = np.asarray(mask.labels)
        changed = self.backward(array) if back else self.forward(array, labels=True)
        geometry = replace(end.geometry, frame_times_s=mask.geometry.frame_times_s)
        return replace(mask, labels=changed, geometry=geometry)

    @staticmethod
    def _check(shape: tuple[int, ...], grid: Grid, what: str) -> None:
        if shape != grid.shape:
            raise UnsupportedImageError(
                f"{what} has {shape} elements, but this change was made for a grid of "
                f"{grid.shape}; make one for its own grid."
            )
