"""The array that a job's listener puts labels into."""

from __future__ import annotations

import numpy as np

from mambaseg.inference.label_store import new_labels
from mambaseg.service.job import Request
from mambaseg.types import ArrayLike

__all__ = ["own_labels"]


def own_labels(request: Request) -> ArrayLike:
    """Zeros, or a copy of the request's base; on disk if large.

    Returns
    -------
    array-like of uint8
        Of the image's shape without its channels.
    """
    shape = request.image.array.shape[1:]
    if len(shape) == 2:
        base = request.base
        return np.zeros(shape, np.uint8) if base is None else np.array(base, np.uint8)
    labels: ArrayLike = new_labels(shape)  # type: ignore[arg-type]
    if request.base is not None:
        for index in range(shape[0]):
            labels[index] = np.asarray(request.base[index])  # type: ignore[index]
    return labels
