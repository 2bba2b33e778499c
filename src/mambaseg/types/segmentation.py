"""A mask, and the account of how it came to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mambaseg.types.geometry import Geometry
from mambaseg.types.image import ArrayLike
from mambaseg.types.labels import LabelSet

__all__ = ["Provenance", "Segmentation"]


@dataclass(frozen=True)
class Provenance:
    """What made a mask.

    Parameters
    ----------
    model : str
        Name of the TrainedModel; "" for masks drawn by a person.
    weights_sha256 : str
        SHA-256 of the model's file, in hexadecimal.
    versions : mapping of str to str
        Version of each package that took part.
    options : mapping
        Device, backend, precision, clip windows and other choices.
    created : str
        UTC time in ISO 8601.
    """

    model: str = ""
    weights_sha256: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Integer labels on the grid of an image.

    Parameters
    ----------
    labels : array-like of int
        Axes as the image's without the channel: "YX", "TYX", "ZYX" or "TZYX".
        For long films an array on disk, in chunks of one frame.
    axes : str
        Meaning of each axis of `labels`.
    label_set : LabelSet
        What the values mean.
    geometry : Geometry
        Equal to the image's.
    provenance : Provenance
        What made the mask.

    Raises
    ------
    ValueError
        If axes, array, spacing or frame times do not agree.
    """

    labels: ArrayLike
    axes: str
    label_set: LabelSet
    geometry: Geometry = field(default_factory=Geometry)
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        if self.axes not in ("YX", "TYX", "ZYX", "TZYX"):
            raise ValueError(f"axes must be YX, TYX, ZYX or TZYX; got {self.axes!r}.")
        if self.labels.ndim != len(self.axes):
            raise ValueError(f"axes {self.axes} do not fit labels of shape {self.labels.shape}.")
        spacing = self.geometry.spacing_mm
        if spacing is not None and len(spacing) != len(self.axes.removeprefix("T")):
            raise ValueError(f"spacing {spacing} does not fit axes {self.axes}.")
        times = self.geometry.frame_times_s
        if times is not None and ("T" not in self.axes or len(times) != self.labels.shape[0]):
            raise ValueError(f"{len(times)} frame times do not fit labels {self.labels.shape}.")
