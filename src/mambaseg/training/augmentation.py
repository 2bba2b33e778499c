"""Random changes to samples, by MONAI's transforms."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import torch
from monai.transforms import (
    Compose,
    EnsureTyped,
    MapTransform,
    RandAdjustContrastd,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    RandSimulateLowResolutiond,
)

from mambaseg.types.augmentation import Augmentation

__all__ = ["clip_augmentation", "volume_augmentation"]

_KEYS = ("image", "labels")


def clip_augmentation(augmentation: Augmentation, size: tuple[int, int]) -> Compose:
    """Build the transforms of a sample {"image": (C, T, y, x), "labels": (1, T, y, x)}.

    Frames are expected from 0 to 1, so that what a rotation brings in from
    outside is black, as around an ultrasound sector.

    Parameters
    ----------
    augmentation : Augmentation
        How much of each.
    size : (int, int)
        (y, x) of a frame, in pixels.
    """
    a = augmentation
    shift = [a.translation * length for length in size]
    # MONAI sees the clip as a volume (T, y, x): turn it about the time axis alone.
    affine = RandAffined(
        keys=_KEYS,
        prob=a.affine_chance,
        rotate_range=(math.radians(a.rotation_deg), 0.0, 0.0),
        scale_range=(0.0, a.scale, a.scale),
        translate_range=(0.0, *shift),
        mode=("bilinear", "nearest"),
        padding_mode="zeros",
    )
    mirrors = {"y": 1, "x": 2}
    return _composed(a, affine, [mirrors[axis] for axis in a.mirror if axis in mirrors], 1)


def volume_augmentation(augmentation: Augmentation, size: Sequence[int]) -> Compose:
    """Build the transforms of a sample {"image": (C, z, y, x), "labels": (1, z, y, x)}.

    Parameters
    ----------
    augmentation : Augmentation
        How much of each.
    size : sequence of int
        (z, y, x) of a sample, in voxels.
    """
    a = augmentation
    affine = RandAffined(
        keys=_KEYS,
        prob=a.affine_chance,
        rotate_range=(math.radians(a.rotation_deg),) * 3,
        scale_range=(a.scale,) * 3,
        translate_range=tuple(a.translation * length for length in size),
        mode=("bilinear", "nearest"),
        padding_mode="border",
    )
    mirrors = {"z": 0, "y": 1, "x": 2}
    return _composed(a, affine, [mirrors[axis] for axis in a.mirror], 3)


def _composed(
    a: Augmentation, affine: MapTransform, mirrors: Sequence[int], blurred_axes: int
) -> Compose:
    blur = (0.1, max(a.blur, 0.1))
    still = (0.0, 1e-3)  # along time nothing is blurred
    gamma = (1 / a.contrast, a.contrast)
    chosen: list[tuple[object, MapTransform]] = [
        (a.rotation_deg or a.scale or a.translation, affine),
        *((True, RandFlipd(keys=_KEYS, prob=0.5, spatial_axis=axis)) for axis in mirrors),
        (a.noise, RandGaussianNoised(keys="image", prob=a.noise_chance, std=a.noise)),
        (
            a.blur,
            RandGaussianSmoothd(
                keys="image",
                prob=a.blur_chance,
                sigma_x=blur if blurred_axes == 3 else still,
                sigma_y=blur,
                sigma_z=blur,
            ),
        ),
        (
            a.brightness,
            RandScaleIntensityd(keys="image", prob=a.brightness_chance, factors=a.brightness),
        ),
        (a.shift, RandShiftIntensityd(keys="image", prob=a.shift_chance, offsets=a.shift)),
        (
            a.low_resolution < 1 and blurred_axes == 3,
            RandSimulateLowResolutiond(
                keys="image", prob=a.low_resolution_chance, zoom_range=(a.low_resolution, 1.0)
            ),
        ),
        (
            a.contrast > 1 and a.inverted_contrast_chance,
            RandAdjustContrastd(
                keys="image", prob=a.inverted_contrast_chance, gamma=gamma, invert_image=True
            ),
        ),
        (
            a.contrast > 1,
            RandAdjustContrastd(
                keys="image", prob=a.contrast_chance, gamma=gamma, retain_stats=blurred_axes == 3
            ),
        ),
    ]
    steps = [transform for wanted, transform in chosen if wanted]
    keys: tuple[Hashable, ...] = _KEYS
    return Compose([*steps, EnsureTyped(keys=keys, dtype=torch.float32, track_meta=False)])
