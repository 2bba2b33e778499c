"""From the values in a data set's masks to a Recipe's classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.datasets import DataSet
from mambaseg.training.targets import IGNORED
from mambaseg.types.errors import TrainingError
from mambaseg.types.recipe import Recipe

__all__ = ["ClassTable"]

_UNKNOWN = -2.0
_NOT_ANNOTATED = 255


@dataclass(frozen=True, eq=False)
class ClassTable:
    """Which value of a mask is which class.

    Parameters
    ----------
    values : ndarray of float32, shape (256,)
        The Recipe's value for each of the mask's; `IGNORED` for "not annotated".
    known : dict of int to str
        The Recipe's classes, for messages.
    """

    values: NDArray[np.float32]
    known: dict[int, str]

    @classmethod
    def of(cls, dataset: DataSet, recipe: Recipe) -> Self:
        """Match classes by name where the data set names them, else by value.

        Raises
        ------
        TrainingError
            If the data set names a class that the Recipe does not know.
        """
        values = np.full(256, _UNKNOWN, np.float32)
        values[0], values[_NOT_ANNOTATED] = 0, IGNORED
        if dataset.classes is None:
            values[list(recipe.labels)] = list(recipe.labels)
        else:
            by_name = {name.casefold(): value for value, name in recipe.labels.items()}
            for value, name in dataset.classes.items():
                if name.casefold() not in by_name:
                    raise TrainingError(
                        f"{dataset.path} holds the classes {dict(dataset.classes)}, but the "
                        f"Recipe's are {recipe.labels}: make their names agree."
                    )
                values[value] = by_name[name.casefold()]
        if dataset.ignore is not None:
            values[dataset.ignore] = IGNORED
        return cls(values, recipe.labels)

    def apply(self, labels: NDArray[np.uint8], source: str) -> NDArray[np.float32]:
        """Turn a mask's values into the Recipe's.

        Raises
        ------
        TrainingError
            If the mask, which is `source`, holds others.
        """
        found: NDArray[np.float32] = self.values[labels]
        unknown = found == _UNKNOWN
        if unknown.any():
            raise TrainingError(
                f"{source} holds the values {sorted(set(labels[unknown].tolist()))}, but the "
                f"Recipe's are 0 and {self.known}: make them agree."
            )
        return found
