"""A mask as the thread that owns it hands it on; its labels are read in another one."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.corrections import Planes, as_planes
from mambaseg.metrics.values import all_values, values_of
from mambaseg.types import ArrayLike, Geometry, LabelClass, LabelSet, Provenance, Segmentation
from mambaseg.types.errors import UnsupportedImageError

__all__ = ["TakenMask", "numbered"]


def numbered(values: set[int], whose: str) -> dict[int, str]:
    """Name classes after the values in a mask that names none.

    Parameters
    ----------
    values : set of int
        Background may be among them.
    whose : str
        How a sentence begins that is about the mask.

    Raises
    ------
    UnsupportedImageError
        If a value is not from 1 to 254.
    """
    classes = sorted(values - {0}) or [1]
    if not 0 < classes[0] <= classes[-1] <= 254:
        raise UnsupportedImageError(
            f"{whose} has labels from {classes[0]} to {classes[-1]}; classes are numbered from 1 "
            "to 254. Renumber its labels."
        )
    return {value: f"class {value}" for value in classes}


@dataclass(frozen=True)
class TakenMask:
    """What is known of a mask without a look at its labels.

    Parameters
    ----------
    name : str
        Of the mask.
    labels : array-like of int
        Shared with whoever draws on them.
    axes : str
        As of `Segmentation`.
    geometry : Geometry
        Likewise.
    provenance : Provenance
        Likewise.
    names : mapping of int to str
        The classes by value; empty: one for each value that the labels hold.
    colors : sequence of str
        Colour of each value up to 254.
    """

    name: str
    labels: ArrayLike
    axes: str
    geometry: Geometry
    provenance: Provenance
    names: Mapping[int, str]
    colors: Sequence[str]

    def shared(self, check: Callable[[], None] = lambda: None) -> Segmentation:
        """Give the mask; what is drawn on it later shows.

        Parameters
        ----------
        check : callable
            Called before each plane that is read; what it raises ends the work.

        Raises
        ------
        UnsupportedImageError
            If labels that name no classes exceed 254.
        """
        values = set() if self.names else all_values(self.labels, check)
        return self._with(self.labels, values)

    def held(
        self, frames: Container[int] | None, check: Callable[[], None] = lambda: None
    ) -> Segmentation:
        """Give the mask as it is now; what is drawn on it later does not show.

        Each plane is held as a whole, compressed, so that of a long film too this takes
        little memory.

        Parameters
        ----------
        frames : container of int or None
            Those that are needed, the others are empty; None: all.
        check : callable
            As of `shared`.

        Raises
        ------
        UnsupportedImageError
            As of `shared`.
        """
        labels = self.labels
        if labels.ndim != 3:
            whole = np.array(labels[:])
            return self._with(whole, set() if self.names else values_of(whole))
        planes = Planes(as_planes(labels.shape), labels.dtype)
        values: set[int] = set()
        for index in range(labels.shape[0]):
            needed = frames is None or index in frames
            if needed or not self.names:
                check()
                plane: NDArray[Any] = np.asarray(labels[index])
                values |= set() if self.names else values_of(plane)
                if needed:
                    planes[index] = plane
        return self._with(planes, values)

    def _with(self, labels: ArrayLike, values: set[int]) -> Segmentation:
        names = self.names or numbered(values, f"The layer {self.name!r}")
        classes = tuple(
            LabelClass(value, name, self.colors[value]) for value, name in names.items()
        )
        return Segmentation(labels, self.axes, LabelSet(classes), self.geometry, self.provenance)
