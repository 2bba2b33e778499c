"""Trained models as files: weights in safetensors, Recipe and card in the header."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mambaseg.files import write_whole
from mambaseg.types.errors import IncompatibleWeightsError, InvalidConfigError
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import ModelCard, TrainedModel

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "build_network",
    "head_weights",
    "is_model",
    "load_network",
    "read_model",
    "write_model",
]


def is_model(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a trained model of ours, by its header alone."""
    from safetensors import SafetensorError, safe_open

    if Path(path).suffix != ".safetensors":
        return False
    try:
        with safe_open(path, framework="numpy") as content:
            return "recipe" in (content.metadata() or {})
    except (SafetensorError, OSError):
        return False


def read_model(path: str | os.PathLike[str]) -> TrainedModel:
    """Read a trained model's header; the weights stay on disk.

    Parameters
    ----------
    path : path-like
        A `.safetensors` file of ours.

    Raises
    ------
    IncompatibleWeightsError
        If the file is missing, no safetensors file, or without a Recipe.
    InvalidConfigError
        If its Recipe does not fit, or is of a newer version.
    """
    from safetensors import SafetensorError, safe_open

    file = Path(path)
    if not file.is_file():
        raise IncompatibleWeightsError(
            f"There is no model file {file}: give the path of a .safetensors file, "
            "or a name from `mambaseg models`."
        )
    try:
        # Before the header: where the file is replaced in between, its weights are refused.
        sha256 = _sha256(file)
        with safe_open(file, framework="numpy") as content:
            header = content.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise IncompatibleWeightsError(
            f"{file} is not a whole safetensors file ({error}): "
            "it may be truncated, or of another format; get it again."
        ) from error
    if "recipe" not in header:
        raise IncompatibleWeightsError(
            f"{file} holds weights but no Recipe, so it is unknown what network and input "
            "they are for: expected a model written by mambaseg."
        )
    return TrainedModel(
        name=header.get("name", file.stem),
        recipe=Recipe.parse(_from_json(header["recipe"]), f"The Recipe in {file}"),
        card=ModelCard.parse(_from_json(header.get("card", "{}")), f"The model card in {file}"),
        path=file,
        sha256=sha256,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return None  # validation refuses it, with the file's name


def write_model(
    path: str | os.PathLike[str],
    weights: Mapping[str, Tensor],
    *,
    name: str,
    recipe: Recipe,
    card: ModelCard,
) -> TrainedModel:
    """Write a trained model, in half precision, whole or not at all.

    Parameters
    ----------
    path : path-like
        The `.safetensors` file to write.
    weights : mapping of str to Tensor
        The network's state dict.
    name, recipe, card
        What the header will say.

    Raises
    ------
    IncompatibleWeightsError
        If a weight is not finite in half precision.
    OutputError
        If the file cannot be written.
    """
    import torch
    from safetensors.torch import save

    half: dict[str, Tensor] = {}
    for key, value in weights.items():
        value = value.detach().cpu().contiguous()
        half[key] = value.to(torch.float16) if value.is_floating_point() else value
        if not torch.isfinite(half[key]).all():
            raise IncompatibleWeightsError(
                f"Weight {key!r} of {name} is not finite in half precision "
                f"(largest value {value.abs().max():.3g}): the training diverged; nothing written."
            )
    header = {"name": name, "recipe": recipe.model_dump_json(), "card": card.model_dump_json()}
    with write_whole(path) as temporary:
        # Not save_file, whose errors do not tell a full disk from other faults.
        temporary.write_bytes(save(half, metadata=header))
    return read_model(path)


def build_network(recipe: Recipe) -> nn.Module:
    """Build a Recipe's network, untrained.

    Raises
    ------
    UnknownNameError
        If there is no such network.
    InvalidConfigError
        If its arguments do not fit.
    """
    from mambaseg.networks import create_network

    try:
        return create_network(
            recipe.network,
            in_channels=len(recipe.channels),
            out_channels=recipe.out_channels,
            **recipe.arguments,
        )
    except (ValueError, TypeError) as error:
        raise InvalidConfigError(
            f"The Recipe's arguments do not fit the network {recipe.network!r}: {error} "
            "Mend them there."
        ) from error


def head_weights(recipe: Recipe, network: nn.Module) -> tuple[str, ...]:
    """Name the weights of a Recipe's network whose shapes follow the number of classes.

    Parameters
    ----------
    recipe : Recipe
    network : Module
        What `build_network` made of it.
    """
    more = {**recipe.labels, max(recipe.labels) + 1: "another class"}
    wider = build_network(recipe.model_copy(update={"labels": more})).state_dict()
    return tuple(
        key for key, value in network.state_dict().items() if wider[key].shape != value.shape
    )


def load_network(model: TrainedModel) -> nn.Module:
    """Build a trained model's network with its weights, in float32, on the CPU, in eval mode.

    Raises
    ------
    IncompatibleWeightsError
        If the weights do not fit the network of their Recipe, or the file has
        changed or gone since its header was read.
    """
    import torch
    from safetensors.torch import load

    try:
        content = model.path.read_bytes()
    except OSError as error:
        raise IncompatibleWeightsError(
            f"{model.path} cannot be read any more ({error.strerror}): "
            "it was there when the model was chosen; choose another."
        ) from error
    if hashlib.sha256(content).hexdigest() != model.sha256:
        raise IncompatibleWeightsError(
            f"{model.path} has changed since the model was chosen; choose it again."
        )
    try:
        network = build_network(model.recipe)
        weights = {
            key: value.to(torch.float32) if value.is_floating_point() else value
            for key, value in load(content).items()
        }
        network.load_state_dict(weights)
    except (InvalidConfigError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise IncompatibleWeightsError(
            f"The weights in {model.path} do not fit the network {model.recipe.network!r} "
            f"of their Recipe: {reason[:300]}. The file was changed or put together wrongly; "
            "get it again."
        ) from error
    return network.eval()
