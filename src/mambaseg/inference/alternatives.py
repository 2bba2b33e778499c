"""Which other models take an image that one does not."""

from __future__ import annotations

from mambaseg.data.channel_names import arranged
from mambaseg.data.fitting import check_fits
from mambaseg.types.errors import MambasegError, UnsupportedImageError
from mambaseg.types.image import MedicalImage
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import check_trained, list_models

__all__ = ["check_suits"]

_MOST = 4
"""Names in a sentence."""


def check_suits(image: MedicalImage, model: TrainedModel) -> None:
    """See whether an image is something that a model takes; if not, name those that do.

    Raises
    ------
    UnsupportedImageError
        If its kind or its channels do not fit.
    """
    try:
        _check(image, model)
    except UnsupportedImageError as error:
        names = [other.name for other in list_models() if _suits(image, other)]
        if not names:
            raise
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        named = ", ".join(names[:_MOST])
        raise UnsupportedImageError(
            f"{error} Models that take this image: {named}{more}."
        ) from error


def _check(image: MedicalImage, model: TrainedModel) -> None:
    check_fits(arranged(image, model.recipe.channels), model.recipe)


def _suits(image: MedicalImage, model: TrainedModel) -> bool:
    try:
        check_trained(model)
        _check(image, model)
    except MambasegError:
        return False
    return True
