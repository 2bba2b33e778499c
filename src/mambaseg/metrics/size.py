"""Measures of size: the area of a mask, or its volume.

In mm^2 and ml where the spacing is known, in pixels and voxels where it is not.
"""

from __future__ import annotations

from mambaseg.metrics.overlap import Counts

__all__ = ["relative_size_error", "size_error"]


def size_error(counts: Counts, element: float) -> float:
    """Absolute error of the size, | |P| - |R| | times the size of an element.

    Both empty: 0.

    Parameters
    ----------
    counts : Counts
    element : float
        Size of one pixel or voxel.
    """
    return abs(counts.fp - counts.fn) * element


def relative_size_error(counts: Counts) -> float:
    """Relative error of the size with its sign, 100 (|P| - |R|) / |R| in per cent [1]_.

    Above 0 the prediction is too large. Both empty: 0. R alone empty: not defined, NaN.

    References
    ----------
    .. [1] Heimann et al., IEEE TMI 28 (2009), doi:10.1109/TMI.2009.2013851.
    """
    true = counts.tp + counts.fn
    if not true:
        return float("nan") if counts.fp else 0.0
    return 100 * (counts.fp - counts.fn) / true
