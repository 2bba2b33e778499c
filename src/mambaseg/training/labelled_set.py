"""A data set of any layout as training and validation see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.data.channel_names import arranged
from mambaseg.data.datasets import Case, DataSet, open_dataset, read_case
from mambaseg.data.datasets.opening import checked
from mambaseg.data.datasets.paired import pair_folders
from mambaseg.data.fitting import as_clip, as_slices, check_fits
from mambaseg.data.preprocessing import resized_frames
from mambaseg.data.window import GreyWindow
from mambaseg.training.classes import ClassTable
from mambaseg.training.patches import Volume
from mambaseg.training.scored_frames import Scored
from mambaseg.training.splitting import hold_out_cases
from mambaseg.training.targets import IGNORED
from mambaseg.training.volume_tensors import volume_tensors
from mambaseg.types.errors import TrainingError
from mambaseg.types.image import MedicalImage
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.recipe import Recipe
from mambaseg.types.segmentation import Segmentation
from mambaseg.types.training_data import LabelledSet

__all__ = ["OpenSet"]


@dataclass(frozen=True, eq=False)
class OpenSet:
    """An open data set, and which of its cases train and are held out.

    Parameters
    ----------
    recipe : Recipe
    dataset : DataSet
    held_out : tuple of int
        Numbers of cases.
    table : ClassTable
        From the data set's values to the Recipe's.
    clips : dict of int to (Tensor, Tensor)
        Training cases of a network for videos or pictures.
    """

    recipe: Recipe
    dataset: DataSet
    held_out: tuple[int, ...]
    table: ClassTable
    clips: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    @classmethod
    def open(cls, entry: LabelledSet, recipe: Recipe, folder: Path, seed: int) -> Self:
        """Open what a configuration names, before any time is spent on it.

        Volumes are read when they are needed; all else is read now.

        Parameters
        ----------
        entry : LabelledSet
        recipe : Recipe
            Of the network that will learn from it.
        folder : Path
            Folder that relative paths start from.
        seed : int
            Of the split.

        Raises
        ------
        TrainingError
            If classes are not the Recipe's, nothing can be held out, or nothing is left.
        MambasegError
            If a file cannot be read or does not fit.
        """
        if entry.masks is None:
            dataset = open_dataset(folder / entry.path)
        else:
            dataset = checked(pair_folders(folder / entry.path, folder / entry.masks))
        if dataset.incomplete:
            more = len(dataset.incomplete) - 1
            raise TrainingError(
                f"{dataset.path} is incomplete: {dataset.incomplete[0]}"
                + (f", and {more} more" if more else "")
                + ". Add what is missing, or take its partner away."
            )
        opened = cls(recipe, dataset, (), ClassTable.of(dataset, recipe))
        volumes = isinstance(recipe.input, VolumeInput)
        clips = {} if volumes else {n: opened._clip(case) for n, case in enumerate(dataset.cases)}
        still = clips and all(x.shape[1] == 1 for x, _ in clips.values())
        pictures = [x for x, _ in clips.values()] if still else None
        held_out = hold_out_cases(dataset, entry, seed, pictures)
        kept = {n: clip for n, clip in clips.items() if n not in set(held_out)}
        return cls(recipe, dataset, tuple(held_out), opened.table, kept)

    @property
    def unit(self) -> str:
        """What is scored: "images", "frames" or "volumes"."""
        kinds = {"image": "images", "video": "frames", "volume": "volumes"}
        if self.clips and all(x.shape[1] == 1 for x, _ in self.clips.values()):
            return "images"
        return kinds[self.recipe.kind]

    @property
    def training_names(self) -> list[str]:
        """Names of the cases that train."""
        cases, held = self.dataset.cases, set(self.held_out)
        return [case.name for number, case in enumerate(cases) if number not in held]

    @property
    def held_out_names(self) -> list[str]:
        """Names of the cases that are held out."""
        return [self.dataset.cases[number].name for number in self.held_out]

    def training_tensors(self) -> list[tuple[Tensor, Tensor]]:
        """Give training frames (C, T, y, x), from 0 to 1, and their class values (1, T, y, x)."""
        return list(self.clips.values())

    def volume_readers(self) -> list[Callable[[], Volume]]:
        """Give what reads each training volume."""
        cases, held = self.dataset.cases, set(self.held_out)
        return [partial(self._volume, case) for n, case in enumerate(cases) if n not in held]

    def scored(self, most: int | None = None) -> Iterator[Scored]:
        """Give what is held out, one case after the other; at most so many, evenly chosen."""
        step = len(self.held_out) / most if most else 1.0
        chosen = range(min(len(self.held_out), most or len(self.held_out)))
        for case in [self.dataset.cases[self.held_out[int(i * max(step, 1.0))]] for i in chosen]:
            image, labels = self._read(case)
            axes = image.axes[1:]
            known = np.where(labels == IGNORED, self.recipe.label_set.ignore, labels)
            reference = Segmentation(
                known.astype(np.uint8), axes, self.recipe.label_set, image.geometry
            )
            yield Scored(image, reference, case=case.name)

    def _read(self, case: Case) -> tuple[MedicalImage, NDArray[np.float32]]:
        """Read a case as the network's kind, with the Recipe's values or `IGNORED`."""
        image, labels = read_case(case, self.dataset)
        values = self.table.apply(labels, case.labels)
        image = arranged(image, self.recipe.channels)
        if not isinstance(self.recipe.input, VolumeInput):
            if image.kind == "image":
                image, values = as_clip(image), values[None]
            elif image.kind == "volume" and self.recipe.kind == "image":
                image = as_slices(image)
        check_fits(image, self.recipe)
        return image, values

    def _clip(self, case: Case) -> tuple[Tensor, Tensor]:
        assert not isinstance(self.recipe.input, VolumeInput)  # noqa: S101
        image, values = self._read(case)
        size = self.recipe.input.size
        frames = resized_frames(
            image.frames(0, image.n_frames), GreyWindow.of(image), len(self.recipe.channels), size
        )
        # Nearest, so that class values stay class values.
        labels = torch.from_numpy(values)[None]
        return frames, F.interpolate(labels, size, mode="nearest-exact")

    def _volume(self, case: Case) -> Volume:
        image, values = self._read(case)
        if (values == IGNORED).all():
            raise TrainingError(
                f"Nothing of {case.labels} is annotated, so it teaches nothing: take the case "
                "away, or annotate a part of it."
            )
        return volume_tensors(image, values, self.recipe)
