"""The papers' ways of training, as shipped YAML, and how one is fitted to a data set."""

from __future__ import annotations

import os
from collections import Counter
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import yaml
from pydantic import Field

from mambaseg.data.datasets import DataSet, open_case_image, open_dataset, read_case_labels
from mambaseg.types.augmentation import Augmentation
from mambaseg.types.errors import TrainingError, UnknownNameError
from mambaseg.types.image import Kind, MedicalImage
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.optimization import Batches, Budget, Loss, Optimization
from mambaseg.types.recipe import Recipe
from mambaseg.types.schema import Schema, VersionedSchema
from mambaseg.types.trained_model import ModelCard
from mambaseg.types.training_config import TrainingConfig
from mambaseg.zoo.default_recipes import default_recipe, fitted_recipe

__all__ = ["PaperRecipe", "list_recipes", "read_recipe", "recipe_config"]

_FITS: dict[Kind, tuple[Kind, ...]] = {
    "image": ("image", "video", "volume"),
    "video": ("video", "image"),
    "volume": ("volume",),
}
"""Kinds of images that networks of a kind learn from."""


class _Small(Schema):
    arguments: dict[str, Any] = Field(default_factory=dict)
    size: tuple[int, ...]
    settings: dict[str, Any] = Field(default_factory=dict)


class PaperRecipe(VersionedSchema):
    """A paper's way of training, apart from data.

    Parameters
    ----------
    network : str
    side_of : int
        Sides of patches of volumes are multiples of it.
    arguments : dict
        Of the network, beside its authors' settings.
    budget, batches, optimization, loss, augmentation
        As of TrainingConfig.
    small : dict
        A small network, a size that it takes, and settings with which it learns from few cases
        in minutes without a GPU; ours, and not the paper's.
    """

    network: str
    side_of: int = 32
    arguments: dict[str, Any] = Field(default_factory=dict)
    budget: Budget
    batches: Batches
    optimization: Optimization
    loss: Loss
    augmentation: Augmentation
    small: _Small


def list_recipes() -> list[str]:
    """Name the shipped recipes."""
    folder = files("mambaseg.training") / "recipes"
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def read_recipe(name: str) -> PaperRecipe:
    """Read a shipped recipe.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    if name not in list_recipes():
        raise UnknownNameError(
            f"There is no training recipe called {name!r}: choose one of "
            f"{', '.join(list_recipes())}."
        )
    text = (files("mambaseg.training") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
    return PaperRecipe.parse(yaml.safe_load(text), f"The training recipe {name}")


def recipe_config(
    name: str,
    data: str | os.PathLike[str],
    *,
    small: bool = False,
    budget: Budget | None = None,
    model: str | None = None,
    seed: int = 0,
) -> TrainingConfig:
    """Make a configuration of a paper's recipe and a data set.

    The recipe's channels, classes, patch size and spacing become the data set's.

    Parameters
    ----------
    name : str
        Of a recipe.
    data : path-like
        Folder of a data set of any known layout.
    small : bool
        Take the small network, for few cases or a machine without a GPU.
    budget : Budget, optional
        In place of the paper's.
    model : str, optional
        Name of the model that comes out.
    seed : int

    Raises
    ------
    UnknownNameError
        If there is no such recipe.
    DataSetError, TrainingError
        If the folder is no data set, or not one for such a network.
    """
    chosen, dataset = read_recipe(name), open_dataset(data)
    settings: dict[str, Any] = chosen.small.settings if small else {}
    arguments = {**chosen.arguments, **(chosen.small.arguments if small else {})}
    recipe = _fitted(chosen, dataset, arguments, small=small)
    parts = {
        part: {**getattr(chosen, part).model_dump(), **settings.get(part, {})}
        for part in ("batches", "augmentation")
    }
    for part in ("optimization", "loss"):  # these stand for themselves
        parts[part] = settings.get(part) or getattr(chosen, part).model_dump()
    return TrainingConfig.model_validate(
        {
            "name": model or f"{name}-{_slug(dataset.path)}",
            "recipe": recipe,
            "data": [{"path": str(Path(data).resolve())}],
            "budget": budget or chosen.budget,
            **parts,
            "seed": seed,
            "card": ModelCard(
                description=f"{', '.join(recipe.labels.values())}, by {chosen.network}.",
                intended_use="Not for clinical use.",
                training_data=(
                    f"{dataset.path.name}: {len(dataset.cases)} cases, those held out included; "
                    f"seed {seed}."
                ),
            ),
        }
    )


def _fitted(
    chosen: PaperRecipe, dataset: DataSet, arguments: dict[str, Any], *, small: bool
) -> Recipe:
    images = [open_case_image(case, dataset) for case in dataset.cases]
    known = default_recipe(chosen.network)
    kind = Counter(image.kind for image in images).most_common(1)[0][0]
    if kind not in _FITS[known.kind]:
        raise TrainingError(
            f"{dataset.path} holds {kind}s, but {chosen.network} takes "
            f"{'an' if known.kind == 'image' else 'a'} {known.kind}: choose another recipe."
        )
    size = _size(chosen, known, images, small=small)
    if "log_vmamba" in chosen.network:
        arguments = {**arguments, "image_size": list(size)}
    channels = dataset.channels or max((image.channel_names for image in images), key=len)
    classes = dict(dataset.classes) if dataset.classes else _values(dataset)
    recipe = fitted_recipe(
        chosen.network,
        arguments,
        in_channels=len(channels),
        out_channels=None,
        channels=channels,
        labels=None if classes == known.labels else list(classes.values()),
    )
    content = recipe.model_dump()
    content["labels"] = classes
    key = "patch_size" if isinstance(recipe.input, VolumeInput) else "size"
    content["input"][key] = size
    if isinstance(recipe.input, VolumeInput):
        content["input"]["spacing_mm"] = _spacing(images)
        if small:
            content["input"]["mirror_axes"] = ()
    return Recipe.model_validate(content)


def _size(
    chosen: PaperRecipe, known: Recipe, images: list[MedicalImage], *, small: bool
) -> tuple[int, ...]:
    if not isinstance(known.input, VolumeInput):
        return chosen.small.size if small else known.input.size
    largest: tuple[int, ...] = chosen.small.size if small else known.input.patch_size
    spacing = _spacing(images)
    middle = []
    for axis in range(3):
        sides = [
            image.spatial_shape[axis]
            * (
                image.geometry.spacing_mm[axis] / spacing[axis]
                if image.geometry.spacing_mm and spacing
                else 1
            )
            for image in images
        ]
        middle.append(median(sides))
    side = chosen.side_of
    # Not more than most volumes hold: windows are never padded in use.
    fitted = [side * max(int(length) // side, 1) for length in middle]
    if max(fitted) == side:  # the deepest map must be more than one voxel
        fitted[int(np.argmax(middle))] = 2 * side
    return tuple(min(limit, length) for limit, length in zip(largest, fitted, strict=True))


def _spacing(images: list[MedicalImage]) -> tuple[float, ...] | None:
    """Median spacing, where all know theirs."""
    known = [image.geometry.spacing_mm for image in images]
    if any(spacing is None for spacing in known):
        return None
    return tuple(round(median(s[axis] for s in known if s is not None), 4) for axis in range(3))


def _values(dataset: DataSet) -> dict[int, str]:
    found: set[int] = set()
    for case in dataset.cases:
        labels = read_case_labels(case, dataset)
        found |= set(np.flatnonzero(np.bincount(labels.ravel())).tolist()) - {0, 255}
    if not found:
        raise TrainingError(f"All masks of {dataset.path} are empty, so there is nothing to learn.")
    return {value: f"class {value}" for value in sorted(found)}


def _slug(path: Path) -> str:
    name = "".join(c if c.isalnum() else "-" for c in path.resolve().name).strip("-")
    return name or "data"
