"""Changes of an image's grid, each with its way back: reorient, crop, pad, resample.

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

__all__ = ["Crop", "Grid", "GridChange", "Pad", "Reorient"]

_AXES_OF_CODES = {"L": 0, "R": 0, "P": 1, "A": 1, "S": 2, "I": 2}
_SIGNS_OF_CODES = {"L": 1, "R": -1, "P": 1, "A": -1, "S": 1, "I": -1}


@dataclass(frozen=True)
class Grid:
    """Number of elements along (y, x) or (z, y, x), and where they lie."""

    shape: tuple[int, ...]
    geometry: Geometry

    @classmethod
    def of(cls, image: MedicalImage | Segmentation) -> Grid:
        """Give the grid of an image or a mask."""
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
    def to(cls, image: MedicalImage | Segmentation, codes: str = "LPS") -> Reorient:
        """Make the change to an orientation.

        Parameters
        ----------
        image : MedicalImage or Segmentation
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
    def in_order(cls, image: MedicalImage | Segmentation) -> Reorient:
        """Make the change to axes in the order x, y, z, none of which is turned round.

        Raises
        ------
        UnsupportedImageError
            If the image is no volume with a known direction.
        """
        turn = Grid.of(image).turn
        nearest = _nearest_axes(turn)
        codes = ""
        for patient, (towards, away) in enumerate((("L", "R"), ("P", "A"), ("S", "I"))):
            codes += towards if turn[patient, nearest.index(patient)] > 0 else away
        return cls.to(image, codes)

    @classmethod
    def _of_codes(cls, source: Grid, codes: str) -> Reorient:
        nearest = _nearest_axes(source.turn)  # for x, y, z the patient axis that it runs along
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


def _nearest_axes(turn: NDArray[np.float64]) -> list[int]:
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


@dataclass(frozen=True)
class Pad(GridChange):
    """Elements added at, or taken from, the ends of each axis.

    Parameters
    ----------
    source, target : Grid
        Before and after.
    widths : tuple of (int, int)
        Elements added before and after, per axis in array order; negative ones
        are taken away.
    fill : float
        Value of added elements of an image; labels get 0, background.
    """

    source: Grid
    target: Grid
    widths: tuple[tuple[int, int], ...]
    fill: float = 0.0

    @classmethod
    def by(
        cls,
        image: MedicalImage | Segmentation,
        widths: Sequence[tuple[int, int]],
        fill: float = 0.0,
    ) -> Pad:
        """Make the change from the widths, which are as in the class.

        Raises
        ------
        InvalidOptionError
            If they are not one pair per axis, or leave nothing.
        """
        source = Grid.of(image)
        shape = tuple(
            length + before + after
            for length, (before, after) in zip(source.shape, widths, strict=False)
        )
        if len(widths) != len(source.shape) or min(shape) < 1:
            raise InvalidOptionError(
                f"The widths {tuple(widths)} do not fit an image of {source.shape} elements: one "
                "pair per axis was expected, leaving at least one element."
            )
        origin = source.moved([-before for before, _ in widths])
        pairs = tuple((int(before), int(after)) for before, after in widths)
        target = Grid(shape, replace(source.geometry, origin_mm=origin))
        return cls(source, target, pairs, fill)

    def forward(self, array: NDArray[Any], *, labels: bool = False) -> NDArray[Any]:
        """See `GridChange.forward`."""
        return _padded(array, self.widths, 0 if labels else self.fill)

    def backward(self, array: NDArray[Any]) -> NDArray[Any]:
        """See `GridChange.backward`; what was taken away is background."""
        return _padded(array, tuple((-before, -after) for before, after in self.widths), 0)


class Crop(Pad):
    """A box cut out; the way back fills in background around it."""

    @classmethod
    def to_box(
        cls, image: MedicalImage | Segmentation, start: Sequence[int], stop: Sequence[int]
    ) -> Crop:
        """Make the change to a box.

        Parameters
        ----------
        start, stop : sequence of int
            First element per axis in array order, and the one after the last.

        Raises
        ------
        InvalidOptionError
            If the box does not lie inside the image.
        """
        shape = Grid.of(image).shape
        inside = len(start) == len(stop) == len(shape) and all(
            0 <= a < b <= n for a, b, n in zip(start, stop, shape, strict=True)
        )
        if not inside:
            raise InvalidOptionError(
                f"The box from {tuple(start)} to {tuple(stop)} does not lie inside an image of "
                f"{shape} elements."
            )
        widths = [(-a, b - n) for a, b, n in zip(start, stop, shape, strict=True)]
        made = cls.by(image, widths)
        return cls(made.source, made.target, made.widths)


def _padded(array: NDArray[Any], widths: Sequence[tuple[int, int]], fill: float) -> NDArray[Any]:
    lead = array.ndim - len(widths)
    inner = [slice(None)] * lead + [
        slice(max(0, -before), length - max(0, -after))
        for (before, after), length in zip(widths, array.shape[lead:], strict=True)
    ]
    added = [(0, 0)] * lead + [(max(0, before), max(0, after)) for before, after in widths]
    return np.pad(array[tuple(inner)], added, constant_values=fill)
