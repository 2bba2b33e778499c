"""A labelled volume as its network sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from mambaseg.inference.network_volume import NetworkVolume
from mambaseg.training.patches import Volume
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe

__all__ = ["volume_tensors"]


def volume_tensors(image: MedicalImage, values: NDArray[Any], recipe: Recipe) -> Volume:
    """Bring a volume and its labels to the network's grid.

    Parameters
    ----------
    image : MedicalImage
        Axes CZYX.
    values : ndarray of float32, shape (Z, Y, X)
        The Recipe's class values, or `IGNORED`.
    recipe : Recipe
        Of a network for volumes.
    """
    seen = NetworkVolume.of(image, recipe)
    x = seen.window(tuple(slice(0, length) for length in seen.grid.seen_size))
    labels = torch.from_numpy(np.ascontiguousarray(values[seen.grid.box]))[None]
    if seen.grid.size != seen.grid.box_shape:
        labels = F.interpolate(labels[None], seen.grid.size, mode="nearest-exact")[0]
    return x, seen.grid.turned(labels)
