"""From a volume's own grid to the one that a network sees, and exactly back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.cropping import Crop
from mambaseg.data.grids import Grid, GridChange
from mambaseg.data.reorienting import Reorient
from mambaseg.types.geometry import Geometry
from mambaseg.types.network_input import VolumeInput

__all__ = ["NetworkGrid"]


@dataclass(frozen=True)
class NetworkGrid:
    """How a volume is turned and cropped for a network, and to what size it is resampled.

    Parameters
    ----------
    changes : tuple of GridChange
        Turning and cropping, of which only those needed.
    cut_shape : tuple of int
        Voxels along each of the network's axes ahead of resampling.
    size : tuple of int
        Voxels along each of the network's axes once resampled.
    """

    changes: tuple[GridChange, ...]
    cut_shape: tuple[int, ...]
    size: tuple[int, ...]

    @classmethod
    def of(cls, volume: NDArray[Any], geometry: Geometry, wanted: VolumeInput) -> Self:
        """Plan the way for a volume.

        Parameters
        ----------
        volume : ndarray, shape (C, Z, Y, X)
        geometry : Geometry
            Where its direction is unknown it is not turned; where its spacing is
            unknown it is not resampled.
        wanted : VolumeInput
        """
        changes: list[GridChange] = []
        grid = Grid(volume.shape[1:], geometry)
        if wanted.orientation is not None and geometry.direction is not None:
            # Its letters stand in array order, those of a change in the order x, y, z.
            turn = Reorient.to(grid, wanted.orientation[::-1])
            changes.append(turn)
            grid, volume = turn.target, turn.forward(volume)
        if wanted.crop_to_nonzero and volume.any():
            crop = Crop.to_box(grid, *_nonzero_box(volume))
            changes.append(crop)
            grid = crop.target
        size = grid.shape
        if wanted.spacing_mm is not None and geometry.spacing_mm is not None:
            size = grid.at_spacing(wanted.spacing_mm).shape
        return cls(tuple(changes), grid.shape, size)

    def cut(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Turn and crop a volume (C, Z, Y, X); it is not resampled yet."""
        for change in self.changes:
            volume = change.forward(volume)
        return np.ascontiguousarray(volume)

    def put_back(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give labels of what was cut their place in the stored volume, 0 around them."""
        for change in reversed(self.changes):
            labels = change.backward(labels)
        return np.ascontiguousarray(labels)


def _nonzero_box(volume: NDArray[Any]) -> tuple[list[int], list[int]]:
    """First element per axis that is not zero in any channel, and the one after the last."""
    found = (volume != 0).any(axis=0)
    start, stop = [], []
    for axis in range(3):
        held = np.flatnonzero(found.any(axis=tuple(other for other in range(3) if other != axis)))
        start.append(int(held[0]))
        stop.append(int(held[-1]) + 1)
    return start, stop
