"""The nouns of mambaseg: plain, frozen, typed, without torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mambaseg.types.errors import MambasegError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import ArrayLike, MedicalImage
from mambaseg.types.labels import LabelClass, LabelSet
from mambaseg.types.segmentation import Provenance, Segmentation

if TYPE_CHECKING:
    from mambaseg.types.recipe import Recipe
    from mambaseg.types.trained_model import TrainedModel
    from mambaseg.types.training_config import TrainingConfig

__all__ = [
    "ArrayLike",
    "Geometry",
    "LabelClass",
    "LabelSet",
    "MambasegError",
    "MedicalImage",
    "Provenance",
    "Recipe",
    "Segmentation",
    "TrainedModel",
    "TrainingConfig",
]

_LAZY = {
    "Recipe": "recipe",
    "TrainedModel": "trained_model",
    "TrainingConfig": "training_config",
}


def __getattr__(name: str) -> Any:
    # Only who asks for one of them waits for pydantic.
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
