"""The image that every reader gives and every predictor takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.geometry import Geometry

__all__ = ["AXES", "ArrayLike", "Kind", "MedicalImage"]

Kind = Literal["image", "video", "volume"]

AXES = ("CYX", "CTYX", "CZYX", "CTZYX")
"""The axis orders that exist: channel, time, z, y, x, of which only those present."""


@runtime_checkable
class ArrayLike(Protocol):
    """A numpy array, or anything that reads like one on demand (a long film)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    def __getitem__(self, key: Any) -> Any: ...


@dataclass(frozen=True, eq=False)
class MedicalImage:
    """An image, video or volume with its place in space and time.

    Parameters
    ----------
    array : array-like
        Intensities with the axes of `axes`; numpy, or lazy for long films.
    axes : {"CYX", "CTYX", "CZYX", "CTZYX"}
        Meaning of each array axis: channel, time, z, y, x.
    geometry : Geometry
        Spacing, origin, direction and frame times.
    channel_names : tuple of str
        One name per channel, for example ("red", "green", "blue").
    source : str
        Where the image came from, for messages; never a patient's name.
    notes : tuple of str
        What a reader wants the user to know, one sentence each: for example
        that a calibration in the header could not be trusted.
    region : (int, int, int, int) or None
        First row and column of the picture proper, and those after its last, in
        pixels. What lies outside may be text about the patient, which exports
        leave out. None where nothing says so.
    window : (float, float) or None
        Intensities that the file wants to be shown as black and as white.
    header : mapping of str to str
        What else the file says that a person or a later save may want, such as
        "Modality"; never who the patient is.

    Raises
    ------
    ValueError
        If axes, array, channel names, spacing or frame times do not agree.
    """

    array: ArrayLike
    axes: str
    geometry: Geometry = field(default_factory=Geometry)
    channel_names: tuple[str, ...] = ("intensity",)
    source: str = ""
    notes: tuple[str, ...] = ()
    region: tuple[int, int, int, int] | None = None
    window: tuple[float, float] | None = None
    header: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.axes not in AXES:
            raise ValueError(f"axes must be one of {AXES}; got {self.axes!r}.")
        if self.array.ndim != len(self.axes):
            raise ValueError(f"axes {self.axes} do not fit an array of shape {self.array.shape}.")
        if len(self.channel_names) != self.array.shape[0]:
            raise ValueError(
                f"{self.array.shape[0]} channels need as many names; got {self.channel_names}."
            )
        spacing = self.geometry.spacing_mm
        if spacing is not None and len(spacing) != len(self.spatial_shape):
            raise ValueError(f"spacing {spacing} does not fit axes {self.axes}.")
        times = self.geometry.frame_times_s
        if times is not None and ("T" not in self.axes or len(times) != self.n_frames):
            raise ValueError(f"{len(times)} frame times do not fit {self.n_frames} frames.")

    @property
    def kind(self) -> Kind:
        """Say "video" with a time axis, else "volume" with a z axis, else "image"."""
        if "T" in self.axes:
            return "video"
        return "volume" if "Z" in self.axes else "image"

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Number of elements along (y, x) or (z, y, x)."""
        return tuple(self.array.shape[self.axes.index(axis)] for axis in "ZYX" if axis in self.axes)

    @property
    def n_frames(self) -> int:
        """Number of frames; 1 without a time axis."""
        return self.array.shape[1] if "T" in self.axes else 1

    def frames(self, start: int, stop: int) -> NDArray[Any]:
        """Read some frames of a video.

        Parameters
        ----------
        start, stop : int
            First frame, and the one after the last.

        Returns
        -------
        ndarray, shape (C, T, Y, X) or (C, T, Z, Y, X)
            The frames in memory.
        """
        if self.kind != "video":
            raise ValueError(f"only a video has frames; this is {self.axes}.")
        return np.asarray(self.array[:, start:stop])
