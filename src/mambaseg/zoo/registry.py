"""Trained models by name: those that come with mambaseg, and the user's own."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_data_path

from mambaseg.types.errors import IncompatibleWeightsError, MambasegError, UnknownNameError
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo.storage import read_model

__all__ = ["check_trained", "list_models", "load_model", "user_models_folder"]

_logger = logging.getLogger(__name__)
_SHIPPED = Path(__file__).parent / "weights"


def user_models_folder() -> Path:
    """Folder in which a user's own models are found; it may not exist yet."""
    return user_data_path("mambaseg", appauthor=False) / "models"


def list_models() -> list[TrainedModel]:
    """Models that come with mambaseg, then the user's, each sorted by file name.

    A file that cannot be read is left out, with a warning in the log.
    """
    return list(_models())


def _models() -> Iterator[TrainedModel]:
    for folder in (_SHIPPED, user_models_folder()):
        for path in sorted(folder.glob("[!.]*.safetensors")):
            try:
                yield read_model(path)
            except MambasegError as error:
                _logger.warning("%s", error)


def load_model(name_or_path: str | os.PathLike[str]) -> TrainedModel:
    """Find a trained model.

    Parameters
    ----------
    name_or_path : str or path-like
        A name from `list_models`, where the first of that name counts, or the
        path of a `.safetensors` file.

    Raises
    ------
    UnknownNameError
        If there is neither a model nor a file of that name.
    IncompatibleWeightsError, InvalidConfigError
        If the file is not a trained model.
    """
    text = os.fspath(name_or_path)
    if text.endswith(".safetensors"):
        return read_model(text)
    names = []
    for model in _models():
        if model.name == text:
            return model
        names.append(model.name)
    near = difflib.get_close_matches(text, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UnknownNameError(
        f"There is no model {text!r}; there are {sorted(names)}.{hint} "
        "A file of your own is given by its path, which ends in .safetensors."
    )


def check_trained(model: TrainedModel) -> None:
    """Refuse a model of which some parts hold initial values.

    Raises
    ------
    IncompatibleWeightsError
        If there are such parts.
    """
    if model.card.untrained:
        raise IncompatibleWeightsError(
            f"{model.name} is not trained yet ({', '.join(model.card.untrained)} hold initial "
            "values), so it cannot segment: fine-tune it first."
        )
