"""Random labelled clips for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mambaseg.data import read_drawn_labels, read_image, sample_path
from mambaseg.data.preprocessing import check_fits, normalise, resized_frames
from mambaseg.data.window import GreyWindow
from mambaseg.training.augmentation import clip_augmentation
from mambaseg.types.errors import TrainingError
from mambaseg.types.recipe import Recipe
from mambaseg.types.training_config import Augmentation, LabelledClip

__all__ = ["RandomClips", "load_clip", "resolve"]


def resolve(reference: str, folder: Path) -> Path:
    """Path of "sample:NAME", or of a path relative to the configuration's folder."""
    scheme, _, name = reference.partition(":")
    return sample_path(name) if scheme == "sample" else folder / reference


def load_clip(clip: LabelledClip, recipe: Recipe, folder: Path) -> tuple[Tensor, Tensor]:
    """Read a clip's training frames and labels at the network's size.

    Returns
    -------
    frames : Tensor, shape (C, T, y, x), float32
        From 0 to 1.
    labels : Tensor, shape (1, T, y, x), float32
        Class values.

    Raises
    ------
    TrainingError
        If a training frame has no labels, or labels of another size.
    """
    image = read_image(resolve(clip.image, folder))
    check_fits(image, recipe)
    drawn = read_drawn_labels(resolve(clip.labels, folder))
    if drawn.image_size != image.spatial_shape:
        raise TrainingError(
            f"{clip.labels} is drawn on frames of {drawn.image_size}, but {clip.image} has "
            f"{image.spatial_shape}: give the labels that belong to the clip."
        )
    start, stop = clip.train_frames
    missing = sorted(set(range(start, stop)) - set(drawn.frame_indices))
    if missing or stop > image.n_frames:
        raise TrainingError(
            f"{clip.image} has {image.n_frames} frames and {clip.labels} no labels on {missing}: "
            f"every training frame ({start} to {stop - 1}) needs them. Mend train_frames."
        )
    frames = resized_frames(
        image.frames(start, stop), GreyWindow.of(image), len(recipe.channels), recipe.spatial_size
    )
    labels = torch.from_numpy(np.stack([drawn.mask(i) for i in range(start, stop)]))[None]
    # Nearest, so that class values stay class values.
    labels = torch.nn.functional.interpolate(
        labels.float(), recipe.spatial_size, mode="nearest-exact"
    )
    return frames, labels


class RandomClips(Dataset[tuple[Tensor, Tensor]]):
    """Clips cut at random from labelled frames, augmented and normalised.

    Parameters
    ----------
    clips : list of (Tensor, Tensor)
        Frames and labels as `load_clip` gives them.
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
