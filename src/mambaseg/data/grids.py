"""From a volume's own grid to the one that a network sees, and exactly back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.geometry import Geometry
from mambaseg.types.network_input import VolumeInput

__all__ = ["NetworkGrid"]

_LETTERS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
"""Axis of the patient system LPS, and which way, of each letter."""


@dataclass(frozen=True)
class NetworkGrid:
    """How a volume's axes are turned, cropped and resampled for a network.

    Parameters
    ----------
    shape : (int, int, int)
        (Z, Y, X) of the volume as stored.
    order : (int, int, int)
        Which stored axis each of the network's axes is.
    flipped : tuple of int
        The network's axes that run against the stored ones.
    box : tuple of slice
        What the network sees of the turned volume.
    size : (int, int, int)
        Voxels along each of the network's axes once resampled.
    """

    shape: tuple[int, int, int]
    order: tuple[int, int, int]
    flipped: tuple[int, ...]
    box: tuple[slice, slice, slice]
    size: tuple[int, int, int]

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
        order, flipped = _turn(geometry, wanted.orientation)
        shape = tuple(volume.shape[1:])
        turned = _turned(volume, order, flipped)
        box = _nonzero_box(turned) if wanted.crop_to_nonzero else (slice(None),) * 3
        size = turned[:, *box].shape[1:]
        if wanted.spacing_mm is not None and geometry.spacing_mm is not None:
            spacing = [geometry.spacing_mm[axis] for axis in order]
            size = tuple(
                max(1, round(n * own / new))
                for n, own, new in zip(size, spacing, wanted.spacing_mm, strict=True)
            )
        return cls(shape, order, flipped, box, size)

    @property
    def cut_shape(self) -> tuple[int, ...]:
        """Voxels of what is cut along each of the network's axes, ahead of resampling."""
        whole = [self.shape[axis] for axis in self.order]
        return tuple(
            len(range(*side.indices(length))) for side, length in zip(self.box, whole, strict=True)
        )

    def cut(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Turn and crop a volume (C, Z, Y, X); it is not resampled yet."""
        return np.ascontiguousarray(_turned(volume, self.order, self.flipped)[:, *self.box])

    def put_back(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give labels of what was cut their place in the stored volume, 0 around them."""
        turned = np.zeros([self.shape[axis] for axis in self.order], np.uint8)
        turned[self.box] = labels
        back = np.flip(turned, self.flipped).transpose(np.argsort(self.order))
        return np.ascontiguousarray(back)


def _turned(
    volume: NDArray[Any], order: tuple[int, int, int], flipped: tuple[int, ...]
) -> NDArray[Any]:
    turned = volume.transpose(0, *(axis + 1 for axis in order))
    return np.flip(turned, tuple(axis + 1 for axis in flipped))


def _turn(
    geometry: Geometry, orientation: str | None
) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """Find the stored axis for each wanted one, as a whole the most in line."""
    if orientation is None or geometry.direction is None:
        return (0, 1, 2), ()
    # Columns are the directions of x, y, z; the stored axes are z, y, x.
    stored = np.reshape(geometry.direction, (3, 3)).T[::-1]
    wanted = np.zeros((3, 3))
    for row, letter in zip(wanted, orientation, strict=True):
        axis, sign = _LETTERS[letter]
        row[axis] = sign
    cosines = wanted @ stored.T
    best = max(permutations(range(3)), key=lambda p: sum(abs(cosines[i, p[i]]) for i in range(3)))
    flipped = tuple(i for i in range(3) if cosines[i, best[i]] < 0)
    return (best[0], best[1], best[2]), flipped


def _nonzero_box(volume: NDArray[Any]) -> tuple[slice, slice, slice]:
    """Box of what is not zero in any channel; the whole where all is zero."""
    found = (volume != 0).any(axis=0)
    sides = []
    for axis in range(3):
        held = np.flatnonzero(found.any(axis=tuple(other for other in range(3) if other != axis)))
        sides.append(slice(int(held[0]), int(held[-1]) + 1) if held.size else slice(None))
    return sides[0], sides[1], sides[2]
