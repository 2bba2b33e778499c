"""Random labelled patches of volumes for training."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from mambaseg.training.augmentation import volume_augmentation
from mambaseg.training.targets import IGNORED
from mambaseg.types.augmentation import Augmentation
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.recipe import Recipe

__all__ = ["RandomPatches", "Volume", "VolumeCache"]

Volume = tuple[Tensor, Tensor]
"""Intensities (C, z, y, x) as the network sees them, and class values (1, z, y, x)."""

_CACHED_BYTES = 4 * 2**30


class VolumeCache:
    """Volumes that are read when first needed and kept while there is room.

    Parameters
    ----------
    readers : sequence of callable
        Each reads a volume.
    room : int
        Bytes; the volume that was needed longest ago goes first.
    """

    def __init__(self, readers: Sequence[Callable[[], Volume]], room: int = _CACHED_BYTES) -> None:
        self.readers, self.room = readers, room
        self._kept: OrderedDict[int, Volume] = OrderedDict()

    def __len__(self) -> int:
        """Give the number of volumes."""
        return len(self.readers)

    def __getitem__(self, index: int) -> Volume:
        """Give a volume."""
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        volume = self.readers[index]()
        self._kept[index] = volume
        while len(self._kept) > 1 and sum(map(_size, self._kept.values())) > self.room:
            self._kept.popitem(last=False)
        return volume


def _size(volume: Volume) -> int:
    return sum(part.nbytes for part in volume)


class RandomPatches(Dataset[Volume]):
    """Patches of volumes, some of them cut around an object, augmented.

    Parameters
    ----------
    volumes : VolumeCache
    recipe : Recipe
        Of a network for volumes; a volume that is smaller than its patch is mirrored at its
        borders, and what that adds is not annotated.
    augmentation : Augmentation
    length : int
        Number of samples.
    seed : int
        Sample i is the same for the same seed.
    foreground : float
        Part of the samples that are cut around an element of a class, each class as often. Of a
        volume that is annotated in part, the others are cut around any annotated element.
    """

    def __init__(
        self,
        volumes: VolumeCache,
        recipe: Recipe,
        augmentation: Augmentation,
        *,
        length: int,
        seed: int,
        foreground: float,
    ) -> None:
        assert isinstance(recipe.input, VolumeInput)  # noqa: S101
        self.volumes, self.size = volumes, recipe.input.patch_size
        self.length, self.seed, self.foreground = length, seed, foreground
        self.augment = volume_augmentation(augmentation, self.size)

    def __len__(self) -> int:
        """Give the number of samples."""
        return self.length

    def __getitem__(self, index: int) -> Volume:
        """Give sample `index`: intensities (C, z, y, x) and class values (1, z, y, x)."""
        if not 0 <= index < self.length:
            raise IndexError(index)
        random = np.random.default_rng([self.seed, index])
        x, labels = self.volumes[int(random.integers(len(self.volumes)))]
        centre = None
        if random.random() < self.foreground:
            centre = _on_an_object(labels[0], random)
        if centre is None and bool((labels == IGNORED).any()):
            centre = _somewhere(labels[0].numpy() != IGNORED, random)
        place = tuple(
            _start(length, side, None if centre is None else centre[axis], random)
            for axis, (length, side) in enumerate(zip(x.shape[1:], self.size, strict=True))
        )
        x, labels = self._cut(x, labels, place)
        self.augment.set_random_state(seed=int(random.integers(2**31)))
        sample = self.augment({"image": x, "labels": labels})
        return sample["image"], sample["labels"]

    def _cut(self, x: Tensor, labels: Tensor, place: tuple[slice, ...]) -> Volume:
        x, labels = x[(slice(None), *place)], labels[(slice(None), *place)]
        for axis, side in enumerate(self.size, start=1):
            gap = side - x.shape[axis]
            if gap > 0:
                before, after = gap // 2, gap - gap // 2
                mirrored = np.pad(np.arange(x.shape[axis]), (before, after), "symmetric")
                x = x.index_select(axis, torch.from_numpy(mirrored))
                pads = [0, 0] * (3 - axis) + [before, after]
                labels = F.pad(labels, pads, value=IGNORED)
        return x, labels


def _start(length: int, side: int, centre: int | None, random: np.random.Generator) -> slice:
    """Where a patch lies along an axis: anywhere, or with `centre` somewhere within."""
    if length <= side:
        return slice(0, length)
    low, high = 0, length - side
    if centre is not None:
        # Near the middle, as much off it as a quarter of the patch.
        off = int(random.integers(-side // 4, side // 4 + 1))
        low = high = min(max(centre - side // 2 + off, 0), length - side)
    start = int(random.integers(low, high + 1))
    return slice(start, start + side)


def _on_an_object(labels: Tensor, random: np.random.Generator) -> tuple[int, ...] | None:
    """Choose an element of one of the classes that a volume shows; None where it shows none."""
    values = labels.numpy()
    present = [value for value in np.unique(values) if value > 0]
    if not present:
        return None
    return _somewhere(values == present[random.integers(len(present))], random)


def _somewhere(chosen: NDArray[np.bool_], random: np.random.Generator) -> tuple[int, ...] | None:
    """Choose one of some elements; None where there are none."""
    found = np.flatnonzero(chosen)
    if not len(found):
        return None
    place = np.unravel_index(found[random.integers(len(found))], chosen.shape)
    return tuple(int(one) for one in place)
