"""Random labelled clips for training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mambaseg.data.preprocessing import normalise
from mambaseg.training.augmentation import clip_augmentation
from mambaseg.types.recipe import Recipe
from mambaseg.types.training_config import Augmentation

__all__ = ["RandomClips"]


class RandomClips(Dataset[tuple[Tensor, Tensor]]):
    """Clips cut at random from labelled frames, augmented and normalised.

    Parameters
    ----------
    clips : list of (Tensor, Tensor)
        Frames and labels as `OpenClip.training_tensors` gives them.
    recipe : Recipe
    augmentation : Augmentation
    length : int
        Number of samples in an epoch.
    seed : int
        Sample i is the same for the same seed.
    """

    def __init__(
        self,
        clips: list[tuple[Tensor, Tensor]],
        recipe: Recipe,
        augmentation: Augmentation,
        *,
        length: int,
        seed: int,
    ) -> None:
        self.clips = clips
        self.recipe = recipe
        self.length = length
        self.seed = seed
        self.augment = clip_augmentation(augmentation, recipe.spatial_size)

    def __len__(self) -> int:
        """Give the number of samples in an epoch."""
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Give sample `index`: frames (T, C, y, x), and labels (T, 1, y, x)."""
        if not 0 <= index < self.length:
            raise IndexError(index)
        random = np.random.default_rng([self.seed, index])
        frames, labels = self.clips[random.integers(len(self.clips))]
        length = min(self.recipe.clip_length, frames.shape[1])
        start = int(random.integers(frames.shape[1] - length + 1))
        chosen = torch.arange(start, start + length)
        if random.random() < 0.5:
            chosen = chosen.flip(0)
        self.augment.set_random_state(seed=int(random.integers(2**31)))
        sample = self.augment({"frames": frames[:, chosen], "labels": labels[:, chosen]})
        return normalise(sample["frames"].clamp(0, 1), self.recipe), sample["labels"].transpose(
            0, 1
        )
