"""Overlapping windows over a volume, as MONAI's sliding window places and weighs them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

__all__ = ["window_places", "window_weights"]


def window_places(
    size: Sequence[int], window: Sequence[int], overlap: float
) -> list[tuple[slice, ...]]:
    """Place windows so that they cover a volume.

    Parameters
    ----------
    size : sequence of int
        Voxels along each axis.
    window : sequence of int
        Sides of a window, at most `size`.
    overlap : float
        Fraction of a side that neighbours share at least, from 0 to below 1; the
        last window along an axis is moved back to end with the volume.

    Returns
    -------
    list of tuple of slice
        In raster order.
    """
    from monai.data.utils import dense_patch_slices

    steps = [
        side if side == length else max(1, int(side * (1 - overlap)))
        for length, side in zip(size, window, strict=True)
    ]
    return list(dense_patch_slices(tuple(size), tuple(window), steps))


def window_weights(window: Sequence[int], blending: str) -> Tensor:
    """Weights of a window's voxels in the average.

    Parameters
    ----------
    window : sequence of int
        Its sides.
    blending : {"gaussian", "constant"}
        Falling to the borders, with a sigma of an eighth of each side, or one.

    Returns
    -------
    Tensor, shape `window`, float32
    """
    from monai.data.utils import compute_importance_map

    weights: Tensor = compute_importance_map(tuple(window), mode=blending)
    return weights
