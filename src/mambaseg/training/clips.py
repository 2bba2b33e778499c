"""Random labelled clips, and pictures, for training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mambaseg.data.preprocessing import normalise
from mambaseg.training.augmentation import clip_augmentation
from mambaseg.training.motion import moving_clip
from mambaseg.training.targets import IGNORED
from mambaseg.types.augmentation import Augmentation
from mambaseg.types.network_input import VideoInput, VolumeInput
from mambaseg.types.recipe import Recipe

__all__ = ["RandomClips"]


class RandomClips(Dataset[tuple[Tensor, Tensor]]):
    """Clips, or pictures, cut at random around labelled frames, augmented and normalised.

    Every one holds a frame with annotated pixels; the labels of frames without
    any are `IGNORED` throughout. A single frame is made a clip by smooth motion.

    Parameters
    ----------
    clips : list of (Tensor, Tensor)
        Frames (C, T, y, x) from 0 to 1 and labels (1, T, y, x), at the network's size.
    recipe : Recipe
        Of a network for videos or pictures.
    augmentation : Augmentation
    length : int
        Number of samples.
    seed : int
        Sample i is the same for the same seed.
    foreground : float
        Part of the samples that are chosen among those that show an object.
    """

    def __init__(
        self,
        clips: list[tuple[Tensor, Tensor]],
        recipe: Recipe,
        augmentation: Augmentation,
        *,
        length: int,
        seed: int,
        foreground: float = 0.0,
    ) -> None:
        assert not isinstance(recipe.input, VolumeInput)  # noqa: S101 - those have patches
        self.clips, self.recipe = clips, recipe
        self.length, self.seed, self.foreground = length, seed, foreground
        self.clip_length = recipe.input.clip_length if isinstance(recipe.input, VideoInput) else 1
        self.annotated = [(labels != IGNORED).flatten(2).any(2)[0] for _, labels in clips]
        shows = [(labels > 0).flatten(2).any(2)[0] for _, labels in clips]
        self.windows = [
            (number, chosen)
            for number, annotated in enumerate(self.annotated)
            for chosen in torch.arange(len(annotated)).unfold(
                0, min(self.clip_length, len(annotated)), 1
            )
            if annotated[chosen].any()
        ]
        self.showing = [pair for pair in self.windows if shows[pair[0]][pair[1]].any()]
        self.motion = augmentation.motion
        self.augment = clip_augmentation(augmentation, recipe.input.size)

    def __len__(self) -> int:
        """Give the number of samples."""
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Give sample `index`.

        Returns
        -------
        Tensor, shape (T, C, y, x), or (C, y, x) of a picture
        Tensor, shape (T, 1, y, x), or (1, y, x) of a picture
            Class values.
        """
        if not 0 <= index < self.length:
            raise IndexError(index)
        random = np.random.default_rng([self.seed, index])
        chosen_from = self.windows
        if self.showing and self.foreground and random.random() < self.foreground:
            chosen_from = self.showing
        number, chosen = chosen_from[random.integers(len(chosen_from))]
        frames, labels = self.clips[number]
        frames, labels = frames[:, chosen], labels[:, chosen]
        known = self.annotated[number][chosen][None, :, None, None]
        if len(chosen) == 1 < self.clip_length:
            frames, labels = moving_clip(frames, labels, self.clip_length, self.motion, random)
        if random.random() < 0.5:
            frames, labels, known = frames.flip(1), labels.flip(1), known.flip(1)
        self.augment.set_random_state(seed=int(random.integers(2**31)))
        sample = self.augment({"image": frames, "labels": labels})
        # What was turned in from outside is background, but not in frames without labels.
        moved = sample["labels"].where(known, IGNORED).transpose(0, 1)
        x = normalise(sample["image"].clamp(0, 1), self.recipe)
        return (x[0], moved[0]) if self.recipe.kind == "image" else (x, moved)
