"""Measures of the distance between surfaces.

The surface S(M) of a mask M is those of its elements that have a face in common with an
element outside M; beyond the image's edge all is outside. d(a, B) is the Euclidean
distance from the centre of element a to the nearest centre of B, in mm where the
spacing is known and in pixels (voxels) where it is not. Both masks empty: they agree, a
distance is 0 and NSD is 1. One of them empty: NSD is 0, and a distance is the length of
the image's diagonal, as in the BraTS challenge, so that a mask that was missed is not
left out of a mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SurfaceDistances", "assd", "hausdorff", "hausdorff_95", "nsd", "surface_distances"]


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances between two surfaces.

    Parameters
    ----------
    from_prediction, from_reference : ndarray of float64
        From each element of one surface to the nearest of the other.
    one_is_empty : bool
        Whether one surface has no element, and the other has some.
    diagonal : float
        Length of the image's diagonal, from edge to edge.
    """

    from_prediction: NDArray[np.float64]
    from_reference: NDArray[np.float64]
    one_is_empty: bool
    diagonal: float

    @property
    def both_are_empty(self) -> bool:
        """Whether there is no surface at all."""
        return not self.one_is_empty and not self.from_prediction.size


def surface_distances(
    prediction: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    spacing: Sequence[float],
    diagonal: float,
) -> SurfaceDistances:
    """Find the distances between the surfaces of two masks.

    Elements that the surfaces share are at distance 0; only for the others the nearest is
    looked up, in one search tree per surface.

    Parameters
    ----------
    prediction, reference : ndarray of bool
        Of equal shape: the image, or a part of it that holds both masks as a whole.
    spacing : sequence of float
        Distance between elements along each axis.
    diagonal : float
        Length of the whole image's diagonal.
    """
    found, true = surface(prediction), surface(reference)
    shared = found & true
    n_shared = int(np.count_nonzero(shared))
    found_alone, true_alone = _points(found & ~shared, spacing), _points(true & ~shared, spacing)
    n_found, n_true = n_shared + len(found_alone), n_shared + len(true_alone)
    if not n_found or not n_true:
        nothing = np.zeros(0)
        return SurfaceDistances(nothing, nothing, n_found != n_true, diagonal)
    joint = _points(shared, spacing)
    return SurfaceDistances(
        _to_nearest(found_alone, true_alone, joint),
        _to_nearest(true_alone, found_alone, joint),
        False,
        diagonal,
    )


def surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give those elements of a mask that have a face in common with an element outside it."""
    padded = np.pad(mask, 1)
    inside = mask.copy()
    for axis in range(mask.ndim):
        for start in (0, 2):
            key = [slice(1, -1)] * mask.ndim
            key[axis] = slice(start, start + mask.shape[axis])
            inside &= padded[tuple(key)]
    inside ^= mask
    return inside


def _points(mask: NDArray[np.bool_], spacing: Sequence[float]) -> NDArray[np.float64]:
    points: NDArray[np.float64] = np.argwhere(mask) * np.asarray(spacing, float)
    return points


def _to_nearest(
    points: NDArray[Any], others: NDArray[Any], joint: NDArray[Any]
) -> NDArray[np.float64]:
    """Distance of `points` to the nearest of `others` and `joint`, and of `joint`: 0."""
    from scipy.spatial import cKDTree

    distances = np.zeros(len(points) + len(joint))
    if len(points):
        # One query does not repay a balanced tree.
        tree = cKDTree(np.concatenate([others, joint]), balanced_tree=False, compact_nodes=False)
        distances[: len(points)] = tree.query(points)[0]
    return distances


def hausdorff(distances: SurfaceDistances) -> float:
    """Hausdorff distance, the larger of max d(p, S(R)) and max d(r, S(P)) [1]_.

    References
    ----------
    .. [1] Huttenlocher et al., IEEE TPAMI 15 (1993), doi:10.1109/34.232073.
    """
    return _larger(distances, 100)


def hausdorff_95(distances: SurfaceDistances) -> float:
    """95 % Hausdorff distance: the larger of the two 95th percentiles [1]_.

    That of d(p, S(R)) over the p of S(P), and that of d(r, S(P)) over the r of S(R), each
    interpolated linearly between the two nearest ranks.

    References
    ----------
    .. [1] Maier-Hein, Reinke et al., Nature Methods 21 (2024), doi:10.1038/s41592-023-02151-z.
    """
    return _larger(distances, 95)


def _larger(distances: SurfaceDistances, percentile: float) -> float:
    if distances.one_is_empty:
        return distances.diagonal
    if distances.both_are_empty:
        return 0.0
    both = (distances.from_prediction, distances.from_reference)
    return max(float(np.percentile(one, percentile)) for one in both)


def assd(distances: SurfaceDistances) -> float:
    """Average symmetric surface distance [1]_.

    The sum of d(p, S(R)) over S(P) and of d(r, S(P)) over S(R), by |S(P)| + |S(R)|.

    References
    ----------
    .. [1] Heimann et al., IEEE TMI 28 (2009), doi:10.1109/TMI.2009.2013851.
    """
    if distances.one_is_empty:
        return distances.diagonal
    if distances.both_are_empty:
        return 0.0
    both = (distances.from_prediction, distances.from_reference)
    return float(sum(one.sum() for one in both) / sum(one.size for one in both))


def nsd(distances: SurfaceDistances, tolerance: float) -> float:
    """Normalised surface Dice: the part of both surfaces within a tolerance of the other [1]_.

    (number of p with d(p, S(R)) <= t + number of r with d(r, S(P)) <= t) / (|S(P)| + |S(R)|).
    The elements of the surfaces are counted, and not their areas.

    Parameters
    ----------
    distances : SurfaceDistances
    tolerance : float
        t, in the unit of the distances.

    References
    ----------
    .. [1] Seidlitz et al., Medical Image Analysis 80 (2022), doi:10.1016/j.media.2022.102488,
       after Nikolov et al., arXiv:1809.04430.
    """
    if distances.one_is_empty or distances.both_are_empty:
        return float(distances.both_are_empty)
    both = (distances.from_prediction, distances.from_reference)
    # Steps of the spacing do not add up exactly: 3 x 0.1 is more than 0.3.
    within = sum(np.count_nonzero(one <= tolerance * (1 + 1e-9)) for one in both)
    return float(within / sum(one.size for one in both))
