"""A clip or volume of a store of corrections, as training and validation see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mambaseg.corrections import Store
from mambaseg.data.channel_names import arranged
from mambaseg.data.fitting import as_slices, check_fits
from mambaseg.data.preprocessing import resized_frames
from mambaseg.data.window import GreyWindow
from mambaseg.training.patches import Volume
from mambaseg.training.scored_frames import Scored
from mambaseg.training.split import FrameSplit, split_margin
from mambaseg.training.targets import IGNORED
from mambaseg.training.volume_tensors import volume_tensors
from mambaseg.types.errors import TrainingError
from mambaseg.types.image import MedicalImage
from mambaseg.types.network_input import VideoInput, VolumeInput
from mambaseg.types.recipe import Recipe
from mambaseg.types.segmentation import Segmentation

__all__ = ["StoredCase", "open_cases", "windows_around"]


def windows_around(frames: Iterable[int], reach: int, n_frames: int) -> list[range]:
    """Give the stretches of a clip that lie within `reach` of some frames, ascending and apart."""
    windows: list[range] = []
    for frame in sorted(set(frames)):
        start, stop = max(frame - reach, 0), min(frame + reach + 1, n_frames)
        if windows and start <= windows[-1].stop:
            start = windows.pop().start
        windows.append(range(start, stop))
    return windows


@dataclass(frozen=True, eq=False)
class StoredCase:
    """One case of a store, and which of its verified frames train and are held out.

    Parameters
    ----------
    case : str
    image : MedicalImage
        Lazy: CTYX, or CZYX for a network for volumes.
    masks : Segmentation
        TYX or ZYX, with `label_set.ignore` where nothing is annotated.
    training, held_out : tuple of int
        Verified frames, or slices.
    """

    case: str
    image: MedicalImage
    masks: Segmentation
    training: tuple[int, ...]
    held_out: tuple[int, ...]

    def shows_objects(self, frames: tuple[int, ...]) -> bool:
        """Whether one of these frames shows any class."""
        labels = np.asarray(self.masks.labels[list(frames)])
        return bool(np.isin(labels, list(self.masks.label_set.names)).any())

    def training_tensors(self, recipe: Recipe) -> list[tuple[Tensor, Tensor]]:
        """Read what a network's clip can hold together with a training frame.

        Returns
        -------
        list of (Tensor, Tensor)
            Frames (C, T, y, x) from 0 to 1 and labels (1, T, y, x), float32, at
            the network's size; labels are `IGNORED` but for training frames.
        """
        found = []
        for chosen in windows_around(self.training, _clip_length(recipe) - 1, self.image.n_frames):
            frames = self.frames(chosen, recipe)
            masks = np.asarray(self.masks.labels[chosen.start : chosen.stop])
            labels = torch.from_numpy(masks).float()[None]
            labels = F.interpolate(labels, frames.shape[2:], mode="nearest-exact")
            labels[labels == self.masks.label_set.ignore] = IGNORED
            trains = torch.tensor([frame in self.training for frame in chosen])
            found.append((frames, labels.where(trains[None, :, None, None], IGNORED)))
        return found

    def unlabelled(self, recipe: Recipe) -> list[range]:
        """Stretches, as long as a network's clip, without verified frames or near held-out ones."""
        ignore, margin = self.masks.label_set.ignore, split_margin(recipe)
        free = (np.asarray(self.masks.labels) == ignore).all(axis=(1, 2))
        for frame in self.held_out:
            free[max(frame - margin, 0) : frame + margin + 1] = False
        length = min(_clip_length(recipe), len(free))
        starts = range(0, len(free) - length + 1, length)
        return [range(a, a + length) for a in starts if free[a : a + length].all()]

    def frames(self, chosen: range, recipe: Recipe) -> Tensor:
        """Read some frames, (C, T, y, x) from 0 to 1, float32, at the network's size."""
        assert not isinstance(recipe.input, VolumeInput)  # noqa: S101 - those have volumes
        return resized_frames(
            self.image.frames(chosen.start, chosen.stop),
            GreyWindow.of(self.image),
            len(recipe.channels),
            recipe.input.size,
        )

    def training_volume(self, recipe: Recipe) -> Volume:
        """Read a volume as its network sees it; labels are `IGNORED` but for training slices."""
        labels = self._labels_of(self.training).astype(np.float32)
        labels[labels == self.masks.label_set.ignore] = IGNORED
        return volume_tensors(self.image, labels, recipe)

    def _labels_of(self, frames: tuple[int, ...]) -> NDArray[np.uint8]:
        """Give all labels, those of other frames ignored."""
        labels = np.full(self.masks.labels.shape, self.masks.label_set.ignore, np.uint8)
        labels[list(frames)] = np.asarray(self.masks.labels[list(frames)])
        return labels

    def scored(self, recipe: Recipe) -> Iterator[Scored]:
        """Give the held-out frames, each in the middle of a clip where the film is long enough.

        Of a volume for a network for volumes, the whole, with labels on the held-out slices.
        """
        if not self.held_out:
            return
        if isinstance(recipe.input, VolumeInput):
            labels = self._labels_of(self.held_out)
            yield Scored(self.image, replace(self.masks, labels=labels), case=self.case)
            return
        reach = _clip_length(recipe) // 2
        for window in windows_around(self.held_out, reach, self.image.n_frames):
            labelled = [frame for frame in window if frame in self.held_out]
            labels = np.asarray(self.masks.labels[labelled])
            reference = Segmentation(labels, "TYX", self.masks.label_set)
            yield Scored(self.image, reference, window, labelled, self.case)


def _clip_length(recipe: Recipe) -> int:
    return recipe.input.clip_length if isinstance(recipe.input, VideoInput) else 1


def open_cases(store: Store, split: FrameSplit, recipe: Recipe) -> list[StoredCase]:
    """Open the cases that a split names.

    A network for pictures sees the slices of volumes as pictures.

    Raises
    ------
    TrainingError
        If all training masks are empty, or frames are no longer verified.
    MambasegError
        If a case cannot be read, or does not fit the Recipe.
    """
    cases = []
    for case in sorted({*split.training, *split.held_out}):
        training, held_out = split.training.get(case, ()), split.held_out.get(case, ())
        missing = {*training, *held_out} - set(store.verified_frames(case))
        if missing:
            raise TrainingError(
                f"Frames {sorted(missing)} of {case!r} in {store.path} are not verified any more: "
                "verify them, or start in a new folder."
            )
        image, masks = store.read(case)
        image = arranged(image, recipe.channels)
        if recipe.kind == "image" and image.kind == "volume":
            image = as_slices(image)
        check_fits(image, recipe)
        cases.append(StoredCase(case, image, masks, training, held_out))
    if not any(case.shows_objects(case.training) for case in cases):
        raise TrainingError(
            f"The {split.n_training} training frames in {store.path} are all empty: none of the "
            f"classes {list(recipe.labels.values())} is drawn on them. Verify frames that show one."
        )
    return cases
