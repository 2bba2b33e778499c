"""Which models fit an image, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mambaseg.data.fitting import as_clip, check_fits
from mambaseg.types import MedicalImage
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.trained_model import TrainedModel

__all__ = ["ModelChoice", "choose_models"]


@dataclass(frozen=True)
class ModelChoice:
    """A model, and why it cannot segment the image; "" where it can."""

    model: TrainedModel
    reason: str

    @property
    def fits(self) -> bool:
        """Whether the model can segment the image."""
        return not self.reason


def choose_models(models: Iterable[TrainedModel], image: MedicalImage | None) -> list[ModelChoice]:
    """Sort models: those that fit an image first, the others with the reason.

    Parameters
    ----------
    models : iterable of TrainedModel
        In the order in which each group stays.
    image : MedicalImage or None
        What is to be segmented; None, and all fit.
    """
    choices = [ModelChoice(model, _reason(model, image)) for model in models]
    return sorted(choices, key=lambda choice: not choice.fits)


def _reason(model: TrainedModel, image: MedicalImage | None) -> str:
    if image is None:
        return ""
    try:
        check_fits(as_clip(image), model.recipe)
    except UnsupportedImageError as error:
        return str(error)
    return ""
