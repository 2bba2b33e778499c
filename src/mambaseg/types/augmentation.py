"""Random changes to training samples."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mambaseg.types.schema import Schema

__all__ = ["Augmentation"]

_Chance = Annotated[float, Field(ge=0, le=1)]


class Augmentation(Schema):
    """Random changes to a sample, the same for all frames of a clip.

    Each comes with the chance that it happens to a sample.

    Parameters
    ----------
    rotation_deg : float
        Largest rotation either way, in degrees; of a volume about every axis.
    scale, translation : float
        Largest change of size, and largest shift, as a fraction of the picture.
    affine_chance : float
        Of these three together.
    mirror : str
        Axes along which a sample is mirrored, each every other time: letters of "zyx".
    contrast : float
        Largest factor of gamma, either way.
    inverted_contrast_chance : float
        Of gamma on the negative, besides.
    brightness : float
        Largest relative change of intensity.
    shift : float
        Largest intensity that is added, intensities being 0 to 1, or in a volume its spread 1.
    noise : float
        Largest standard deviation of added noise, likewise.
    blur : float
        Largest standard deviation of a Gaussian blur, in pixels.
    low_resolution : float
        Smallest fraction of the resolution to which a sample is taken down and up again.
    motion : float
        Largest displacement of the smooth motion that makes a clip of a still image, as a
        fraction of the frame; clips are left as they are.
    """

    rotation_deg: float = Field(default=15, ge=0, le=180)
    scale: float = Field(default=0.15, ge=0, lt=1)
    translation: float = Field(default=0.08, ge=0, lt=1)
    affine_chance: _Chance = 0.9
    mirror: str = Field(default="", pattern="^z?y?x?$")
    contrast: float = Field(default=1.5, ge=1)
    contrast_chance: _Chance = 0.5
    inverted_contrast_chance: _Chance = 0.0
    brightness: float = Field(default=0.2, ge=0, lt=1)
    brightness_chance: _Chance = 0.5
    shift: float = Field(default=0.0, ge=0)
    shift_chance: _Chance = 0.5
    noise: float = Field(default=0.03, ge=0)
    noise_chance: _Chance = 0.3
    blur: float = Field(default=0.8, ge=0)
    blur_chance: _Chance = 0.2
    low_resolution: float = Field(default=1.0, gt=0, le=1)
    low_resolution_chance: _Chance = 0.25
    motion: float = Field(default=0.03, ge=0, lt=1)
