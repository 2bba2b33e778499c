"""A Recipe with weights on disk, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from mambaseg.types.recipe import Recipe
from mambaseg.types.schema import VersionedSchema

__all__ = ["ModelCard", "TrainedModel"]


class ModelCard(VersionedSchema):
    """What a user should know about a trained model.

    Parameters
    ----------
    description : str
        What it segments, in a sentence or two.
    intended_use : str
        What it is for, and what it is not for.
    training_data : str
        Data, number of cases, and split.
    licence, attribution : str
        Of the weights, and of the data behind them.
    scores : dict of str to float
        Each with its data in its name, for example "held-out Dice (n = 10 frames)".
    parent_sha256 : str or None
        SHA-256 of the file that it was fine-tuned from.
    parent_scores : dict of str to float
        The parent's, on the same data and by the same names; empty where it had none.
    data_sha256 : dict of str to str
        Of what it was fine-tuned on, by case: SHA-256 of its files, images before labels.
    trained_frames : dict of str to tuple of int
        Verified frames, or slices, that it and those before it have learnt from, by the digest
        of the clip's or volume's content.
    untrained : tuple of str
        Parts of the network that hold initial values; with any, it segments nothing yet.
    """

    newest_version: ClassVar[int] = 3

    format_version: int = 3
    description: str = ""
    intended_use: str = ""
    training_data: str = ""
    licence: str = ""
    attribution: str = ""
    scores: dict[str, float] = Field(default_factory=dict)
    parent_sha256: str | None = None
    parent_scores: dict[str, float] = Field(default_factory=dict)
    data_sha256: dict[str, str] = Field(default_factory=dict)
    trained_frames: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    untrained: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _migrate(cls, content: Any) -> Any:
        """Take what older versions wrote.

        Version 1 knew neither parent's scores nor hashes, version 2 no frames.
        """
        if isinstance(content, dict) and content.get("format_version") in (1, 2):
            return {**content, "format_version": cls.newest_version}
        return content


@dataclass(frozen=True)
class TrainedModel:
    """A trained model: one `.safetensors` file whose header holds the Recipe.

    Parameters
    ----------
    name : str
        For example "vivim-echo-demo".
    recipe : Recipe
        How the network is built, fed and read.
    card : ModelCard
        What is known about it.
    path : Path
        The file.
    sha256 : str
        SHA-256 of the file, in hexadecimal.
    """

    name: str
    recipe: Recipe
    card: ModelCard
    path: Path
    sha256: str
