"""Endless random samples for a network of any kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from mambaseg.training.clips import RandomClips
from mambaseg.training.fitting import ENDLESS
from mambaseg.training.patches import RandomPatches, Volume, VolumeCache
from mambaseg.types.augmentation import Augmentation
from mambaseg.types.errors import TrainingError
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.recipe import Recipe

__all__ = ["random_samples"]


def random_samples(
    recipe: Recipe,
    *,
    tensors: Callable[[], list[tuple[Tensor, Tensor]]],
    volumes: Callable[[], Sequence[Callable[[], Volume]]],
    augmentation: Augmentation,
    seed: int,
    foreground: float,
) -> Dataset[Any]:
    """Give samples as `RandomClips` or `RandomPatches` makes them, by the Recipe's kind.

    Parameters
    ----------
    recipe : Recipe
    tensors, volumes : callable
        Give what those take, for a network for pictures or clips, and for volumes.
    augmentation : Augmentation
    seed : int
    foreground : float

    Raises
    ------
    TrainingError
        If nothing is annotated.
    """
    rules: dict[str, Any] = {"length": ENDLESS, "seed": seed, "foreground": foreground}
    if isinstance(recipe.input, VolumeInput):
        return RandomPatches(VolumeCache(volumes()), recipe, augmentation, **rules)
    clips = RandomClips(tensors(), recipe, augmentation, **rules)
    if not clips.windows:
        raise TrainingError(
            "Nothing of the training data is annotated, so there is nothing to learn from: "
            "annotate some frames."
        )
    return clips
