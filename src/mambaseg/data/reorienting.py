"""Volumes turned so that their axes run along the patient's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.grids import Grid, GridChange, OnGrid
from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation

__all__ = ["Reorient", "nearest_axes", "shown_in_order"]

_AXES_OF_CODES = {"L": 0, "R": 0, "P": 1, "A": 1, "S": 2, "I": 2}
_SIGNS_OF_CODES = {"L": 1, "R": -1, "P": 1, "A": -1, "S": 1, "I": -1}


@dataclass(frozen=True)
class Reorient(GridChange):
    """Axes put in another order and turned round, so that they run along the patient's.

    No element changes. Oblique volumes keep their tilt: each axis takes the
    direction that is nearest.

    Parameters
    ----------
    source : Grid
        Of a volume.
    target : Grid
        The reoriented one.
    order : tuple of int
        Which source axis, in array order, becomes each of the target's.
    flips : tuple of bool
        Whether each of the target's axes is turned round.
    """

    source: Grid
    target: Grid
    order: tuple[int, ...]
    flips: tuple[bool, ...]

    @classmethod
    def to(cls, image: OnGrid, codes: str = "LPS") -> Reorient:
        """Make the change to an orientation.

        Parameters
        ----------
        image : MedicalImage, Segmentation or Grid
            A volume with a direction.
        codes : str
            Towards what x, y and z are to grow: three letters of Left or Right,
            Posterior or Anterior, Superior or Inferior.

        Raises
        ------
        InvalidOptionError
            If the letters are no orientation.
        UnsupportedImageError
            If the image is no volume with a known direction.
        """
        source = Grid.of(image)
        if sorted(_AXES_OF_CODES.get(code, -1) for code in codes) != [0, 1, 2]:
            raise InvalidOptionError(
                f"{codes!r} is no orientation; three letters were expected, one each of L or R, P "
                "or A, S or I, such as LPS."
            )
        if len(source.shape) != 3 or source.geometry.direction is None:
            raise UnsupportedImageError(
                "Only a volume whose direction is known can be reoriented; this one's is not."
            )
        return cls._of_codes(source, codes)

    @classmethod
    def in_order(cls, image: OnGrid) -> Reorient:
        """Make the change to axes in the order x, y, z, none of which is turned round.

        Raises
        ------
        UnsupportedImageError
            If the image is no volume with a known direction.
        """
        turn = Grid.of(image).turn
        nearest = nearest_axes(turn)
        codes = ""
        for patient, (towards, away) in enumerate((("L", "R"), ("P", "A"), ("S", "I"))):
            codes += towards if turn[patient, nearest.index(patient)] > 0 else away
        return cls.to(image, codes)

    @classmethod
    def _of_codes(cls, source: Grid, codes: str) -> Reorient:
        nearest = nearest_axes(source.turn)  # for x, y, z the patient axis that it runs along
        order: list[int] = []
        flips: list[bool] = []
        for code in codes:
            axis = nearest.index(_AXES_OF_CODES[code])
            order.append(2 - axis)
            along = source.turn[_AXES_OF_CODES[code], axis]
            flips.append(bool(along * _SIGNS_OF_CODES[code] < 0))
        order, flips = order[::-1], flips[::-1]
        return cls(source, _turned(source, order, flips), tuple(order), tuple(flips))

    def forward(self, array: NDArray[Any], *, labels: bool = False) -> NDArray[Any]:
        """See `GridChange.forward`; gives a view."""
        lead = array.ndim - 3
        moved = np.transpose(array, [*range(lead), *(lead + axis for axis in self.order)])
        return self._flipped(moved)

    def backward(self, array: NDArray[Any]) -> NDArray[Any]:
        """See `GridChange.backward`; gives a view."""
        lead = array.ndim - 3
        whole = self._flipped(array)
        home = np.argsort(self.order)
        return np.transpose(whole, [*range(lead), *(lead + int(axis) for axis in home)])

    def _flipped(self, array: NDArray[Any]) -> NDArray[Any]:
        turned = tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)
        view: NDArray[Any] = array[(..., *turned)]
        return view


def shown_in_order(image: MedicalImage | Segmentation) -> Reorient | None:
    """Give the change to axes in the order z, y, x, in which volumes are shown; None: they are."""
    if "ZYX" not in image.axes or image.geometry.direction is None:
        return None
    change = Reorient.in_order(image)
    return None if change.order == (0, 1, 2) else change


def nearest_axes(turn: NDArray[np.float64]) -> list[int]:
    """Give for x, y and z the patient axis that each runs along, no two the same."""
    strength = np.abs(turn)
    chosen = [-1, -1, -1]
    for _ in range(3):
        patient, axis = np.unravel_index(int(np.argmax(strength)), (3, 3))
        chosen[int(axis)] = int(patient)
        strength[patient, :] = strength[:, axis] = -1
    return chosen


def _turned(source: Grid, order: list[int], flips: list[bool]) -> Grid:
    shape = tuple(source.shape[axis] for axis in order)
    first = [0.0, 0.0, 0.0]
    turn = np.empty((3, 3))
    for place, (axis, flip) in enumerate(zip(order, flips, strict=True)):
        turn[:, 2 - place] = source.turn[:, 2 - axis] * (-1 if flip else 1)
        first[axis] = float(source.shape[axis] - 1) if flip else 0.0
    spacing = source.geometry.spacing_mm
    return Grid(
        shape,
        replace(
            source.geometry,
            spacing_mm=None if spacing is None else tuple(spacing[axis] for axis in order),
            origin_mm=source.moved(first),
            direction=tuple(turn.ravel().tolist()),
        ),
    )
