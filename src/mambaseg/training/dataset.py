"""Random labelled clips for training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mambaseg.data.preprocessing import normalise
from mambaseg.training.augmentation import clip_augmentation
from mambaseg.training.motion import moving_clip
from mambaseg.types.recipe import Recipe
from mambaseg.types.training_config import Augmentation

__all__ = ["IGNORED", "RandomClips"]


IGNORED = -1.0
"""Label of a pixel that is not annotated, in training tensors."""


class RandomClips(Dataset[tuple[Tensor, Tensor]]):
    """Clips cut at random around labelled frames, augmented and normalised.

    Every clip holds a frame with annotated pixels; the labels of frames without
    any are `IGNORED` throughout. A single frame is made a clip by smooth motion.

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
        self.annotated = [(labels != IGNORED).flatten(2).any(2)[0] for _, labels in clips]
        self.windows = [
            (number, chosen)
            for number, annotated in enumerate(self.annotated)
            for chosen in torch.arange(len(annotated)).unfold(
                0, min(recipe.video.clip_length, len(annotated)), 1
            )
            if annotated[chosen].any()
        ]
        self.recipe = recipe
        self.length = length
        self.seed = seed
        self.motion = augmentation.motion
        self.augment = clip_augmentation(augmentation, recipe.video.size)

    def __len__(self) -> int:
        """Give the number of samples in an epoch."""
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Give sample `index`: frames (T, C, y, x), and labels (T, 1, y, x)."""
        if not 0 <= index < self.length:
            raise IndexError(index)
        random = np.random.default_rng([self.seed, index])
        number, chosen = self.windows[random.integers(len(self.windows))]
        frames, labels = self.clips[number]
        frames, labels = frames[:, chosen], labels[:, chosen]
        known = self.annotated[number][chosen][None, :, None, None]
        if len(chosen) == 1:
            length = self.recipe.video.clip_length
            frames, labels = moving_clip(frames, labels, length, self.motion, random)
        if random.random() < 0.5:
            frames, labels, known = frames.flip(1), labels.flip(1), known.flip(1)
        self.augment.set_random_state(seed=int(random.integers(2**31)))
        sample = self.augment({"frames": frames, "labels": labels})
        # What was turned in from outside is background, but not in frames without labels.
        moved = sample["labels"].where(known, IGNORED)
        return normalise(sample["frames"].clamp(0, 1), self.recipe), moved.transpose(0, 1)
