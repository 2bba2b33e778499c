"""Random changes to a clip, the same for all of its frames."""

from __future__ import annotations

import math

import torch
from monai.transforms import (
    Compose,
    EnsureTyped,
    RandAdjustContrastd,
    RandAffined,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
)

from mambaseg.types.training_config import Augmentation

__all__ = ["clip_augmentation"]


def clip_augmentation(augmentation: Augmentation, size: tuple[int, int]) -> Compose:
    """Build the transforms of a sample {"frames": (C, T, y, x), "labels": (1, T, y, x)}.

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
    return Compose(
        [
            # MONAI sees the clip as a volume (T, y, x): turn it about the time axis alone.
            RandAffined(
                keys=("frames", "labels"),
                prob=0.9,
                rotate_range=(math.radians(a.rotation_deg), 0.0, 0.0),
                scale_range=(0.0, a.scale, a.scale),
                translate_range=(0.0, *shift),
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            RandAdjustContrastd(keys="frames", prob=0.5, gamma=(1 / a.contrast, a.contrast)),
            RandScaleIntensityd(keys="frames", prob=0.5, factors=a.brightness),
            RandGaussianSmoothd(
                keys="frames",
                prob=0.2,
                sigma_x=(0.0, 1e-3),
                sigma_y=(0.1, max(a.blur, 0.1)),
                sigma_z=(0.1, max(a.blur, 0.1)),
            ),
            RandGaussianNoised(keys="frames", prob=0.3, std=a.noise),
            EnsureTyped(keys=("frames", "labels"), dtype=torch.float32, track_meta=False),
        ]
    )
