"""Which models fit an image, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mambaseg.data.channels import arranged
from mambaseg.data.fitting import check_fits
from mambaseg.types import MedicalImage
from mambaseg.types.errors import IncompatibleWeightsError, UnsupportedImageError
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import check_trained

__all__ = ["ModelChoice", "choose_models"]


@dataclass(frozen=True)
class ModelChoice:
    """A model, and how it suits the image.

    Parameters
    ----------
    model : TrainedModel
        The model.
    reason : str
        Why it cannot segment the image; "" where it can.
    note : str
        What is done to the image first; "" if nothing is.
    """

    model: TrainedModel
    reason: str = ""
    note: str = ""

    @property
    def fits(self) -> bool:
        """Whether the model can segment the image."""
        return not self.reason


def choose_models(
    models: Iterable[TrainedModel], image: MedicalImage | None, *, to_train: bool = False
) -> list[ModelChoice]:
    """Sort models: those that fit an image as it is, those that fit it, the others with the reason.

    Parameters
    ----------
    models : iterable of TrainedModel
        In the order in which each group stays.
    image : MedicalImage or None
        What is to be segmented; None, and all that are trained fit.
    to_train : bool
        Whether the model is to be fine-tuned, which those for videos can be,
        rather than used, for which it must be trained.
    """
    choices = [_choice(model, image, to_train) for model in models]
    return sorted(choices, key=lambda choice: (not choice.fits, bool(choice.note)))


def _choice(model: TrainedModel, image: MedicalImage | None, to_train: bool) -> ModelChoice:
    try:
        if not to_train:
            check_trained(model)
        elif model.recipe.kind != "video":
            return ModelChoice(
                model, reason=f"{model.name} takes a {model.recipe.kind}; fine-tuning needs a video"
            )
        if image is None:
            return ModelChoice(model)
        check_fits(arranged(image, model.recipe.channels), model.recipe)
    except (UnsupportedImageError, IncompatibleWeightsError) as error:
        return ModelChoice(model, reason=str(error))
    if image.array.shape[0] == 3 and len(model.recipe.channels) == 1:
        note = (
            f"{image.source or 'The image'} is in colour and {model.name} takes grey: its colours "
            "are turned into grey for the model. If that is not wanted, choose a model for colour."
        )
        return ModelChoice(model, note=note)
    return ModelChoice(model)
