"""The nouns of mambaseg: plain, frozen, typed, without torch."""

from mambaseg.types.errors import MambasegError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import ArrayLike, MedicalImage
from mambaseg.types.labels import LabelClass, LabelSet
from mambaseg.types.segmentation import Provenance, Segmentation

__all__ = [
    "ArrayLike",
    "Geometry",
    "LabelClass",
    "LabelSet",
    "MambasegError",
    "MedicalImage",
    "Provenance",
    "Segmentation",
]
