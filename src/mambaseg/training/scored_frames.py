"""What a network is scored on."""

from __future__ import annotations

from typing import NamedTuple

from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation

__all__ = ["ScoredFrames"]


class ScoredFrames(NamedTuple):
    """A stretch of a clip that holds no training frame, and the labels on some of its frames.

    Attributes
    ----------
    image : MedicalImage
        The clip, CTYX.
    frames : range
        Frames that are segmented.
    labelled : list of int
        Those of them that are scored.
    reference : Segmentation
        Their labels, TYX.
    """

    image: MedicalImage
    frames: range
    labelled: list[int]
    reference: Segmentation
