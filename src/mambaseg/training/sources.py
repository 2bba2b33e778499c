"""What a configuration names, opened: what trains, and what is held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from mambaseg.training.labelled_clip import OpenClip
from mambaseg.training.labelled_set import OpenSet
from mambaseg.training.samples import random_samples
from mambaseg.training.scored_frames import Scored
from mambaseg.types.errors import TrainingError
from mambaseg.types.training_config import TrainingConfig
from mambaseg.types.training_data import LabelledClip

__all__ = ["Sources"]


class Sources:
    """The opened data of a training.

    Parameters
    ----------
    config : TrainingConfig
    folder : Path
        Folder that relative paths start from.

    Raises
    ------
    TrainingError
        If nothing of it is left to train.
    MambasegError
        If something cannot be read or does not fit the Recipe.
    """

    def __init__(self, config: TrainingConfig, folder: Path) -> None:
        self.config = config
        self.opened: Sequence[OpenClip | OpenSet] = [
            OpenClip.open(entry, config.recipe, folder)
            if isinstance(entry, LabelledClip)
            else OpenSet.open(entry, config.recipe, folder, config.seed)
            for entry in config.data
        ]
        if not self.training:
            raise TrainingError(
                "All cases are held out, so none is left to train: hold out fewer, or add cases."
            )

    @property
    def training(self) -> tuple[str, ...]:
        """What trains, by name."""
        return tuple(name for source in self.opened for name in source.training_names)

    @property
    def held_out(self) -> tuple[str, ...]:
        """What is held out, by name."""
        return tuple(name for source in self.opened for name in source.held_out_names)

    @property
    def unit(self) -> str:
        """What is scored: "frames", "images" or "volumes"."""
        return self.opened[0].unit

    def scored(self, most: int | None = None) -> Iterator[Scored]:
        """Give what is held out, one after the other; at most so many cases of each source."""
        for source in self.opened:
            yield from source.scored(most)

    def samples(self) -> Dataset[Any]:
        """Give the endless training samples.

        Raises
        ------
        TrainingError
            If nothing is annotated.
        """
        opened = self.opened
        return random_samples(
            self.config.recipe,
            tensors=lambda: [pair for source in opened for pair in source.training_tensors()],
            volumes=lambda: [reader for source in opened for reader in source.volume_readers()],
            augmentation=self.config.augmentation,
            seed=self.config.seed,
            foreground=self.config.batches.foreground,
        )
