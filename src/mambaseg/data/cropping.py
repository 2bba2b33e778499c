"""Boxes cut out of images, and borders put around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.grids import Grid, GridChange, OnGrid
from mambaseg.types.errors import InvalidOptionError

__all__ = ["Crop", "Pad"]


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
        image: OnGrid,
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
    def to_box(cls, image: OnGrid, start: Sequence[int], stop: Sequence[int]) -> Crop:
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
