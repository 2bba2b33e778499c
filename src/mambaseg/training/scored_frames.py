"""What a network is scored on."""

from __future__ import annotations

from typing import NamedTuple

from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation

__all__ = ["Scored"]


class Scored(NamedTuple):
    """A volume, or a stretch of a clip that holds no training frame, and its labels.

    Attributes
    ----------
    image : MedicalImage
        A volume CZYX, or a clip CTYX; a picture is a clip of one frame.
    reference : Segmentation
        Labels of the volume, or of the frames `labelled`.
    frames : range or None
        Frames that are segmented; None: all.
    labelled : list of int or None
        Those of them that have labels; None: all.
    case : str
        Its name.
    """

    image: MedicalImage
    reference: Segmentation
    frames: range | None = None
    labelled: list[int] | None = None
    case: str = ""
