"""What a network sees at once: a picture, a clip of frames, or a window of a volume."""

from __future__ import annotations

from itertools import permutations
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from mambaseg.types.schema import Schema

__all__ = ["ImageInput", "NetworkInput", "VideoInput", "VolumeInput"]

_Side = Annotated[int, Field(ge=1)]
_ORIENTATIONS = tuple(
    "".join(letters)
    for axes in permutations(("RL", "AP", "SI"))
    for letters in ((a, b, c) for a in axes[0] for b in axes[1] for c in axes[2])
)


class ImageInput(Schema):
    """A picture, resized or in tiles.

    Parameters
    ----------
    size : (int, int)
        (y, x) to which pictures are resized for the network, or of a tile, in pixels.
    tiled : bool
        Whether the network sees tiles of a picture's own pixels rather than the
        whole picture, resized.
    overlap : float
        Fraction of a side that neighbouring tiles share; their logits are averaged.
    """

    kind: Literal["image"] = "image"
    size: tuple[_Side, _Side]
    tiled: bool = False
    overlap: float = Field(default=0.5, ge=0, lt=1)


class VideoInput(Schema):
    """A clip of consecutive frames, resized.

    Parameters
    ----------
    size : (int, int)
        (y, x) to which frames are resized for the network, in pixels.
    clip_length : int
        Frames that the network sees at once.
    clip_overlap : int
        Frames that two successive clips share; their probabilities are averaged.
    """

    kind: Literal["video"] = "video"
    size: tuple[_Side, _Side]
    clip_length: int = Field(default=5, ge=1)
    clip_overlap: int = Field(default=2, ge=0)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.clip_overlap >= self.clip_length:
            raise ValueError("clip_overlap must be less than clip_length")
        return self


class VolumeInput(Schema):
    """Overlapping windows that slide over a volume.

    Parameters
    ----------
    patch_size : (int, int, int)
        Size of a window along the axes that the network sees; a volume that is
        smaller along an axis has windows of its own length there.
    overlap : float
        Fraction of a window's side that neighbouring windows share.
    blending : {"gaussian", "constant"}
        Weight of a window's logits in the average: falling to its borders, or one.
    mirror_axes : tuple of int
        Axes along which each window is mirrored too, in every combination; the
        logits are averaged. Each axis doubles the time.
    spacing_mm : tuple of float or None
        Spacing to which volumes are resampled along the network's axes; None:
        they stay as they are.
    orientation : str or None
        Where the network's three axes point: for example "SPL" for z to the
        patient's Superior, y to the Posterior and x to the Left. None: as stored,
        in the order z, y, x.
    crop_to_nonzero : bool
        Whether the network sees only the box that holds all nonzero voxels.
    """

    kind: Literal["volume"] = "volume"
    patch_size: tuple[_Side, _Side, _Side]
    overlap: float = Field(default=0.5, ge=0, lt=1)
    blending: Literal["gaussian", "constant"] = "gaussian"
    mirror_axes: tuple[Literal[0, 1, 2], ...] = ()
    spacing_mm: tuple[FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    orientation: str | None = None
    crop_to_nonzero: bool = False

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.spacing_mm is not None and min(self.spacing_mm) <= 0:
            raise ValueError("spacing_mm must be positive")
        if self.orientation is not None and self.orientation not in _ORIENTATIONS:
            raise ValueError("orientation needs one letter of each of RL, AP and SI")
        if len(set(self.mirror_axes)) != len(self.mirror_axes):
            raise ValueError("mirror_axes must differ")
        return self


NetworkInput = Annotated[ImageInput | VideoInput | VolumeInput, Field(discriminator="kind")]
