"""Measures of how a mask changes from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["temporal_consistency"]


def temporal_consistency(prediction: Sequence[float], reference: Sequence[float]) -> float:
    """Tell how nearly the prediction changes from frame to frame as much as the reference.

    1 - mean of | J(P_t, P_t+1) - J(R_t, R_t+1) |, where J is Jaccard's index of a mask with
    the same mask one frame later, over the pixels that both frames annotate. 1: the
    prediction is as steady as the reference, be it right or wrong; flicker lowers it, and
    so does a mask that stands still while the reference moves. Jaccard's index of
    successive masks is that of [1]_; there the motion is taken out by optical flow, here by
    the reference. NaN where no two successive frames are annotated.

    Parameters
    ----------
    prediction, reference : sequence of float
        J of each pair of successive frames.

    References
    ----------
    .. [1] Varghese et al., Unsupervised temporal consistency metric for video segmentation in
       highly-automated driving, CVPR Workshops (2020).
    """
    if not prediction:
        return float("nan")
    pairs = zip(prediction, reference, strict=True)
    return 1 - sum(abs(p - r) for p, r in pairs) / len(prediction)
