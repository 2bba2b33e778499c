"""What a fine-tuning run needs to know."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from mambaseg.types.augmentation import Augmentation
from mambaseg.types.network_output import Regions
from mambaseg.types.optimization import Budget, Trained
from mambaseg.types.recipe import Recipe
from mambaseg.types.schema import VersionedSchema

__all__ = ["FineTuningConfig", "replay_refusal"]

_LIGHT = Augmentation(rotation_deg=10, scale=0.1, translation=0.05, contrast=1.3)


class FineTuningConfig(VersionedSchema):
    """Fine-tuning of a trained model on a store of corrections, or another data set.

    Parameters
    ----------
    model : str
        Name or path of the model to start from.
    data : str
        Path of the store or data set.
    budget : Budget
        Minutes are those that the whole run may take.
    held_out : dict of str to tuple of int, or None
        Verified frames of a store, by case, that train nothing and measure the result.
        Empty: none. None: as `propose_held_out` says; of a data set whole cases.
    name : str or None
        Name of the model that comes out; None: the parent's and "-finetuned".
    learning_rate, weight_decay, gradient_clip : float
        AdamW's highest rate and decay, and the gradient's largest norm.
    trains : {"all", "decoder"}
        Which weights are changed; "decoder" leaves the encoder as it is.
    layer_decay : float
        The rate of each level of the encoder as a part of that of the next deeper one.
    replay : float
        Part of the samples that are unlabelled frames of a store with what the parent says of
        them where it is sure, so that less is forgotten; for models of pictures and clips.
    batch_size : int
        Clips, pictures or patches per step.
    foreground : float
        Part of the samples that are chosen around an object.
    augmentation : Augmentation
    seed : int
        Seed of the order and the augmentation of clips.
    """

    newest_version: ClassVar[int] = 2

    format_version: int = 2
    model: str
    data: str
    budget: Budget = Budget(minutes=4)
    held_out: dict[str, tuple[int, ...]] | None = None
    name: str | None = Field(default=None, pattern=r"^[\w .+-]+$")
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    gradient_clip: float = Field(default=1.0, gt=0)
    trains: Trained = "all"
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    replay: float = Field(default=0.0, ge=0, lt=1)
    batch_size: int = Field(default=2, ge=1)
    foreground: float = Field(default=1 / 3, ge=0, le=1)
    augmentation: Augmentation = _LIGHT
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _migrate(cls, content: Any) -> Any:
        """Take what format version 1 wrote, which knew budgets of minutes alone."""
        if not isinstance(content, dict):
            return content
        if content.get("format_version", 1 if "minutes" in content else 2) != 1:
            return content
        rest = {key: value for key, value in content.items() if key != "minutes"}
        budget = {"minutes": content.get("minutes", 4.0)}
        return {**rest, "budget": budget, "format_version": cls.newest_version}


def replay_refusal(recipe: Recipe) -> str:
    """Say why what a model finds cannot be replayed; "" where it can."""
    if recipe.kind == "volume" or isinstance(recipe.output, Regions):
        return (
            "Only what a model for pictures or clips says of frames, in plain classes, can be "
            "replayed: leave the replay out."
        )
    return ""
