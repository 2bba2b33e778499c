"""What a training run needs to know."""

from __future__ import annotations

import posixpath
from typing import Any, ClassVar

from pydantic import Field, model_validator

from mambaseg.types.augmentation import Augmentation
from mambaseg.types.optimization import Batches, Budget, Loss, Optimization, Validation
from mambaseg.types.recipe import Recipe
from mambaseg.types.schema import VersionedSchema
from mambaseg.types.trained_model import ModelCard
from mambaseg.types.training_data import LabelledClip, LabelledSet

__all__ = ["TrainingConfig"]


class TrainingConfig(VersionedSchema):
    """A training run, apart from where it runs.

    Parameters
    ----------
    name : str
        Name of the model that comes out.
    recipe : Recipe
        The network, and how it is fed and read.
    data : tuple of LabelledClip or LabelledSet
        What it learns from and what is held out.
    budget : Budget
    batches : Batches
    optimization : Optimization
    loss : Loss
    augmentation : Augmentation
    validation : Validation
    card : ModelCard
        What the model's file will say; the scores are added by the run.
    seed : int
        Seed of every random choice.
    deterministic : bool
        Whether only operations are taken that give the same result each time on one machine;
        slower on a GPU.
    """

    newest_version: ClassVar[int] = 2

    format_version: int = 2
    name: str = Field(pattern=r"^\w[\w .+-]{0,79}$")
    recipe: Recipe
    data: tuple[LabelledClip | LabelledSet, ...] = Field(min_length=1)
    budget: Budget = Budget(steps=1000)
    batches: Batches = Batches()
    optimization: Optimization = Optimization()
    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    validation: Validation = Validation()
    card: ModelCard = ModelCard()
    seed: int = 0
    deterministic: bool = False

    @model_validator(mode="before")
    @classmethod
    def _migrate(cls, content: Any) -> Any:
        """Take what format version 1 wrote, which knew clips and stills and steps alone."""
        if not isinstance(content, dict):
            return content
        old = content.get("optimization", {})
        is_old = isinstance(old, dict) and bool({"steps", "batch_size"} & old.keys())
        if content.get("format_version", 1 if is_old else 2) != 1:
            return content
        old = dict(old) if isinstance(old, dict) else {}
        moved: dict[str, Any] = {"budget": {"steps": old.pop("steps", 1000)}}
        if "batch_size" in old:
            moved["batches"] = {"size": old.pop("batch_size")}
        data = content.get("data")
        if isinstance(data, list | tuple):
            moved["data"] = [_migrated_stills(entry) for entry in data]
        return {**content, **moved, "optimization": old, "format_version": cls.newest_version}


def _migrated_stills(entry: Any) -> Any:
    if not isinstance(entry, dict) or "images" not in entry:
        return entry
    images, masks = str(entry["images"]), str(entry.get("masks", ""))
    rest = {key: value for key, value in entry.items() if key not in ("images", "masks")}
    if posixpath.dirname(images) == posixpath.dirname(masks) and (
        posixpath.basename(images),
        posixpath.basename(masks),
    ) == ("images", "masks"):
        return {"path": posixpath.dirname(images) or ".", **rest}
    return {"path": images, "masks": masks, **rest}
