"""The parent's own confident predictions, learnt again, so that less is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.utils.data import Dataset

from mambaseg.data.preprocessing import normalise
from mambaseg.files import write_whole
from mambaseg.training.clips import RandomClips
from mambaseg.training.fitting import ENDLESS
from mambaseg.training.outputs import network_outputs
from mambaseg.training.targets import IGNORED
from mambaseg.types.augmentation import Augmentation
from mambaseg.types.errors import TrainingError
from mambaseg.types.finetuning_config import replay_refusal
from mambaseg.types.recipe import Recipe

__all__ = ["WithReplay", "confident_labels", "replayed"]

_SURE = 0.9


class WithReplay(Dataset[Any]):
    """Samples of two kinds, mixed at random.

    Parameters
    ----------
    samples, replay : Dataset
        Endless.
    part : float
        Of the samples that are replayed.
    seed : int
    """

    def __init__(self, samples: Dataset[Any], replay: Dataset[Any], part: float, seed: int) -> None:
        self.samples, self.replay, self.part, self.seed = samples, replay, part, seed

    def __len__(self) -> int:
        """Give the number of samples."""
        return ENDLESS

    def __getitem__(self, index: int) -> Any:
        """Give sample `index`."""
        chance = np.random.default_rng([self.seed, index, 1]).random()
        return (self.replay if chance < self.part else self.samples)[index]


def replayed(
    file: Path,
    windows: dict[str, Tensor],
    network: nn.Module,
    recipe: Recipe,
    device: torch.device,
    *,
    augmentation: Augmentation,
    seed: int,
) -> Dataset[Any] | None:
    """Give samples labelled by a network, where it is sure.

    Parameters
    ----------
    file : Path
        Keeps the labels for a run that goes on; written whole if it is not there.
    windows : dict of str to Tensor
        Stretches of unlabelled frames (C, T, y, x), from 0 to 1, by name.
    network : Module
        The parent's, in eval mode; not asked where the file is there.
    recipe : Recipe
    device : torch.device
    augmentation : Augmentation
    seed : int

    Returns
    -------
    Dataset or None
        None where there is no unlabelled frame, or none of which the network is sure.

    Raises
    ------
    TrainingError
        If the network is for volumes, or gives regions.
    OutputError
        If the file cannot be written.
    """
    refusal = replay_refusal(recipe)
    if refusal:
        raise TrainingError(refusal)
    if not file.exists():
        made = {
            name: confident_labels(network, frames, recipe, device).to(torch.int16)
            for name, frames in windows.items()
        }
        with write_whole(file) as temporary:
            temporary.write_bytes(save(made))
    labels = load(file.read_bytes())
    pairs = [(frames, labels[name].float()) for name, frames in windows.items() if name in labels]
    clips = RandomClips(pairs, recipe, augmentation, length=ENDLESS, seed=seed) if pairs else None
    return clips if clips is not None and clips.windows else None


def confident_labels(
    network: nn.Module, frames: Tensor, recipe: Recipe, device: torch.device
) -> Tensor:
    """Class values that a network is sure of, `IGNORED` elsewhere; (1, T, y, x) float32.

    Parameters
    ----------
    network : Module
        In eval mode.
    frames : Tensor, shape (C, T, y, x)
        From 0 to 1, at the network's size.
    recipe : Recipe
        Whose output is a softmax or sigmoids.
    device : torch.device
    """
    x = normalise(frames, recipe).to(device)
    with torch.no_grad():
        given = x if recipe.kind == "image" else x[None]
        logits = network_outputs(network, given, recipe.kind).logits[0].float().cpu()
    values = torch.tensor([float(value) for value in recipe.labels])
    if recipe.output.form == "softmax":
        best, index = logits.softmax(1).max(1)
        found = torch.cat([torch.zeros(1), values])[index]
        sure = best >= _SURE
    else:
        best, index = logits.sigmoid().max(1)
        found = torch.where(best >= _SURE, values[index], torch.zeros(()))
        sure = (best >= _SURE) | (best <= 1 - _SURE)
    return found.where(sure, IGNORED)[None]
