"""Where two masks differ, frame by frame as it is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.metrics.difference import AGREEMENT, difference
from mambaseg.types import ArrayLike, LabelSet

__all__ = ["DifferenceArray"]


class DifferenceArray:
    """An array of the kinds of difference, computed where it is read.

    Agreement is left out: the masks show it.

    Parameters
    ----------
    prediction, reference : array-like of int
        Of equal shape.
    label_set : LabelSet
        Their classes.
    values : tuple of int
        The classes that are looked at.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        prediction: ArrayLike,
        reference: ArrayLike,
        label_set: LabelSet,
        values: tuple[int, ...],
    ) -> None:
        self._found, self._true = prediction, reference
        self._ignore, self._values = label_set.ignore, values
        self.shape = tuple(reference.shape)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        found, true = np.asarray(self._found[key]), np.asarray(self._true[key])
        kinds = difference(found, true, self._values, self._ignore)
        return np.where(kinds == AGREEMENT, 0, kinds).astype(np.uint8)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)
