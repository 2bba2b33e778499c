"""From a volume's own grid to the one that a network sees, and exactly back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.data.cropping import Crop
from mambaseg.data.grids import Grid
from mambaseg.data.reorienting import Reorient
from mambaseg.types.geometry import Geometry
from mambaseg.types.network_input import VolumeInput

__all__ = ["NetworkGrid", "nonzero_box"]

Box = tuple[slice, ...]


@dataclass(frozen=True)
class NetworkGrid:
    """What a network sees of a volume: a box of it, resampled and then turned.

    Box and sizes are in the order of the stored axes, so that a volume is gone
    through from its first slice to its last however it is turned.

    Parameters
    ----------
    shape : tuple of int
        Voxels along each stored axis.
    box : tuple of slice
        The part that the network sees.
    size : tuple of int
        Voxels of the box along each stored axis once resampled.
    order : tuple of int
        Which stored axis becomes each of the network's.
    flips : tuple of bool
        Whether each of the network's axes is turned round.
    """

    shape: tuple[int, ...]
    box: Box
    size: tuple[int, ...]
    order: tuple[int, ...] = (0, 1, 2)
    flips: tuple[bool, ...] = (False, False, False)

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        geometry: Geometry,
        wanted: VolumeInput,
        box: Box | None = None,
    ) -> Self:
        """Plan the way for a volume.

        Parameters
        ----------
        shape : tuple of int
            (Z, Y, X).
        geometry : Geometry
            Where its direction is unknown it is not turned; where its spacing is
            unknown it is not resampled.
        wanted : VolumeInput
        box : tuple of slice, optional
            The part that the network sees; all by default.
        """
        stored = Grid(shape, geometry)
        order, flips = (0, 1, 2), (False, False, False)
        if wanted.orientation is not None and geometry.direction is not None:
            # Its letters stand in array order, those of a change in the order x, y, z.
            turn = Reorient.to(stored, wanted.orientation[::-1])
            order, flips = turn.order, turn.flips  # type: ignore[assignment]
        box = box or tuple(slice(0, length) for length in shape)
        seen = Crop.to_box(stored, [b.start for b in box], [b.stop for b in box]).target
        size = seen.shape
        if wanted.spacing_mm is not None and geometry.spacing_mm is not None:
            along_stored = [wanted.spacing_mm[order.index(axis)] for axis in range(3)]
            size = seen.at_spacing(along_stored).shape
        return cls(shape, box, size, order, flips)

    @property
    def box_shape(self) -> tuple[int, ...]:
        """Voxels of the box along each stored axis ahead of resampling."""
        return tuple(part.stop - part.start for part in self.box)

    @property
    def seen_size(self) -> tuple[int, ...]:
        """Voxels along each of the network's axes."""
        return tuple(self.size[axis] for axis in self.order)

    def stored(self, place: Box) -> Box:
        """Say where a box on the network's axes lies along the stored ones."""
        found = list(place)
        for part, axis, flip in zip(place, self.order, self.flips, strict=True):
            length = self.size[axis]
            found[axis] = slice(length - part.stop, length - part.start) if flip else part
        return tuple(found)

    def turned(self, x: Tensor) -> Tensor:
        """Turn the last three axes from the stored order to the network's."""
        lead = x.ndim - 3
        moved = x.permute(*range(lead), *(lead + axis for axis in self.order))
        return moved.flip(self._flipped(lead))

    def turned_back(self, x: Tensor) -> Tensor:
        """Turn the last three axes from the network's order to the stored one."""
        lead = x.ndim - 3
        home = [lead + self.order.index(axis) for axis in range(3)]
        return x.flip(self._flipped(lead)).permute(*range(lead), *home)

    def _flipped(self, lead: int) -> list[int]:
        return [lead + axis for axis, flip in enumerate(self.flips) if flip]


def nonzero_box(channels: Sequence[NDArray[Any]]) -> Box | None:
    """Give the box of all elements that are not zero in some channel; None without any."""
    found = np.zeros(channels[0].shape, bool)
    for channel in channels:
        found |= channel != 0
    if not found.any():
        return None
    box = []
    for axis in range(3):
        held = np.flatnonzero(found.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(int(held[0]), int(held[-1]) + 1))
    return tuple(box)
