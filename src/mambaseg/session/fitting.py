"""Which models fit an image, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mambaseg.data.channel_names import arranged
from mambaseg.data.fitting import as_slices, check_fits, check_kind, unknown_place
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
    warning : str
        Why the result may be wrong, which the run says, too; "" if nothing is known against it.
    untrained : bool
        Whether the reason is that it is not trained yet.
    combines : bool
        Whether each of its channels is an image of its own, of which this is one.
    """

    model: TrainedModel
    reason: str = ""
    note: str = ""
    warning: str = ""
    untrained: bool = False
    combines: bool = False

    @property
    def fits(self) -> bool:
        """Whether the model can segment the image."""
        return not self.reason


def choose_models(
    models: Iterable[TrainedModel],
    image: MedicalImage | None,
    *,
    to_train: bool = False,
    by_slice: bool = False,
    classes: Iterable[str] = (),
) -> list[ModelChoice]:
    """Sort models: those that fit an image, best first, then the others with the reason.

    Those that know the classes are better, then those for the image's own kind, then those
    that take it as it is.

    Parameters
    ----------
    models : iterable of TrainedModel
        In the order in which each group stays.
    image : MedicalImage or None
        What is to be segmented; None, and all that are trained fit.
    to_train : bool
        Whether the model is to be fine-tuned rather than used, for which it must be trained.
        Models for pictures learn from the slices of volumes.
    by_slice : bool
        Whether a volume is to be segmented slice by slice, by a model for pictures.
    classes : iterable of str
        Names of what is to be found.
    """
    wanted = set(classes)

    def rank(choice: ModelChoice) -> tuple[bool, ...]:
        recipe = choice.model.recipe
        lacks = not wanted <= set(recipe.labels.values())
        other = image is not None and recipe.kind != image.kind
        return (not choice.fits, lacks, other, bool(choice.note or choice.warning))

    return sorted((_choice(model, image, to_train, by_slice) for model in models), key=rank)


def _choice(
    model: TrainedModel, image: MedicalImage | None, to_train: bool, by_slice: bool
) -> ModelChoice:
    try:
        if not to_train:
            check_trained(model)
        if image is None:
            return ModelChoice(model)
        if _combines(image, model) and not to_train:
            check_kind(image, model.recipe)
            warning = unknown_place(image, model.recipe)
            return ModelChoice(model, warning=warning, combines=True)
        given = arranged(image, model.recipe.channels)
        sliced = by_slice or (to_train and given.kind == "volume")
        if sliced and model.recipe.kind == "image":
            given = as_slices(given)
        check_fits(given, model.recipe)
    except IncompatibleWeightsError as error:
        return ModelChoice(model, reason=str(error), untrained=True)
    except UnsupportedImageError as error:
        return ModelChoice(model, reason=str(error))
    if image.array.shape[0] == 3 and len(model.recipe.channels) == 1:
        note = (
            f"{image.source or 'The image'} is in colour and {model.name} takes grey: its colours "
            "are turned into grey for the model. If that is not wanted, choose a model for colour."
        )
        return ModelChoice(model, note=note)
    return ModelChoice(model, warning=unknown_place(given, model.recipe))


def _combines(image: MedicalImage, model: TrainedModel) -> bool:
    """Whether an image can only be one of several that a model takes as channels."""
    taken = len(model.recipe.channels)
    repeated = taken == 3 and model.recipe.kind != "volume"  # grey for colour
    return image.array.shape[0] == 1 and taken > 1 and not repeated
