"""A split of still images that keeps those of one examination together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from torch import Tensor

__all__ = ["group_look_alikes", "hold_out_groups"]

_THUMBNAIL = (32, 32)


def group_look_alikes(frames: Sequence[Tensor], correlation: float) -> NDArray[np.int32]:
    """Give the group of each image: with those that look alike, directly or through others.

    Parameters
    ----------
    frames : sequence of Tensor, shape (C, 1, y, x)
    correlation : float
        Of two thumbnails of 32 x 32 pixels, above which they look alike.

    Returns
    -------
    ndarray of int, shape (images,)
        Each image's group.
    """
    thumbnails = torch.stack(
        [F.interpolate(x.mean(0)[None], _THUMBNAIL, mode="area").flatten() for x in frames]
    )
    _, groups = connected_components(np.corrcoef(thumbnails.numpy()) > correlation, directed=False)
    numbers: NDArray[np.int32] = groups
    return numbers


def hold_out_groups(groups: NDArray[np.int32], fraction: float, seed: int) -> list[int]:
    """Choose whole groups at random, as many images as `fraction` allows.

    Returns
    -------
    list of int
        The images that are held out, ascending.
    """
    allowed = fraction * len(groups)
    held_out: list[int] = []
    for group in np.random.default_rng(seed).permutation(np.unique(groups)):
        members = np.flatnonzero(groups == group).tolist()
        if len(held_out) + len(members) <= allowed:
            held_out += members
    return sorted(held_out)
