"""Patches of volumes."""

from __future__ import annotations

from typing import Any

import torch
from models import VOLUMES

from mambaseg.training.patches import RandomPatches, VolumeCache
from mambaseg.training.targets import IGNORED
from mambaseg.types.augmentation import Augmentation
from mambaseg.types.recipe import Recipe

STILL = Augmentation(
    rotation_deg=0, scale=0, translation=0, contrast=1, brightness=0, noise=0, blur=0
)
SHAPE = (40, 50, 60)


def recipe(size: tuple[int, int, int]) -> Recipe:
    return Recipe.model_validate({**VOLUMES, "input": {"kind": "volume", "patch_size": size}})


def volume() -> tuple[torch.Tensor, torch.Tensor]:
    """Intensities that say where they lie, and a small object in a corner."""
    z, y, x = torch.meshgrid(*(torch.arange(n) for n in SHAPE), indexing="ij")
    labels = torch.zeros(1, *SHAPE)
    labels[0, 35:38, 44:48, 50:56] = 2
    return torch.stack([z, 100 * y + x]).float(), labels


def patches(size: tuple[int, int, int], augmentation: Augmentation = STILL, **changes: Any):
    values = {"length": 40, "seed": 0, "foreground": 0.0, **changes}
    return RandomPatches(VolumeCache([volume]), recipe(size), augmentation, **values)


def test_a_patch_is_a_piece_of_the_volume() -> None:
    starts = set()
    x, labels = volume()
    for image, mask in patches((16, 16, 32)):
        z, yx = int(image[0].min()), int(image[1].min())
        place = (slice(z, z + 16), slice(yx // 100, yx // 100 + 16), slice(yx % 100, yx % 100 + 32))
        assert torch.equal(image, x[(slice(None), *place)])
        assert torch.equal(mask, labels[(slice(None), *place)])
        starts.add((z, yx))
    assert len(starts) > 30


def test_foreground_is_sampled_as_often_as_asked_for() -> None:
    def showing(foreground: float) -> int:
        return sum(bool((mask == 2).any()) for _, mask in patches((8, 8, 8), foreground=foreground))

    assert showing(1.0) == 40
    assert showing(0.0) <= 8
    assert 12 <= showing(0.5) <= 30


def test_a_small_volume_is_mirrored_and_that_is_not_annotated() -> None:
    image, mask = patches((64, 48, 64))[0]
    assert image.shape == (2, 64, 48, 64)
    known = mask[0] != IGNORED
    assert int(known.sum()) == 40 * 48 * 60
    assert known[12:52, :, 2:62].all()
    assert torch.equal(image[:, 11, :, 2:62], image[:, 12, :, 2:62])
    assert torch.equal(image[:, 0, :, 2:62], image[:, 23, :, 2:62])


def test_samples_depend_on_their_number_and_the_seed() -> None:
    wild = Augmentation(mirror="zyx", low_resolution=0.5, inverted_contrast_chance=0.2, shift=0.1)
    first, again, other = (patches((16, 16, 16), wild, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first[7][0], again[7][0])
    assert not torch.equal(first[7][0], first[8][0])
    assert not torch.equal(first[7][0], other[7][0])


def test_labels_move_with_the_intensities() -> None:
    def same() -> tuple[torch.Tensor, torch.Tensor]:
        cube = torch.zeros(1, 32, 32, 32)
        cube[:, 8:20, 10:24, 6:20] = 1
        return cube, cube.clone()

    turning = STILL.model_copy(update={"rotation_deg": 30.0, "scale": 0.2, "mirror": "zyx"})
    data = RandomPatches(
        VolumeCache([same]), recipe((32, 32, 32)), turning, length=6, seed=0, foreground=0.0
    )
    for image, mask in data:
        assert ((image > 0.5) == (mask > 0.5)).float().mean() > 0.98
        assert mask.any()


def test_volumes_that_do_not_fit_the_cache_are_read_again() -> None:
    read = []

    def reader(number: int) -> Any:
        def load() -> tuple[torch.Tensor, torch.Tensor]:
            read.append(number)
            return torch.zeros(1, 10, 10, 10), torch.zeros(1, 10, 10, 10)

        return load

    cache = VolumeCache([reader(i) for i in range(3)], room=2 * 8000)
    for number in (0, 1, 0, 2, 0, 1):
        cache[number]
    assert read == [0, 1, 2, 1]
