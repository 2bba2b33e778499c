"""How a segmentation is computed: what the ladder changes when memory runs short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Precision", "Settings", "Stage", "Stitching"]

Precision = Literal["float32", "bfloat16"]
Stitching = Literal["device", "memory", "disk"]


@dataclass(frozen=True)
class Settings:
    """What does not decide what is segmented, but how.

    Parameters
    ----------
    device : str
        Where the network computes.
    precision : {"float32", "bfloat16"}
        Of its products; the scans' states are float32 with either.
    batch : int
        Clips, pictures or windows that it sees in one call.
    window : tuple of int
        (T,) frames of a clip, or the sides of a window or tile; empty where
        whole pictures are resized.
    stitching : {"device", "memory", "disk"}
        Where the sums of overlapping windows lie: where the network computes, in
        the machine's memory, or in a temporary file.
    """

    device: str
    precision: Precision = "float32"
    batch: int = 1
    window: tuple[int, ...] = ()
    stitching: Stitching = "device"


@dataclass(frozen=True)
class Stage:
    """A part of a run that was computed in one way.

    Parameters
    ----------
    start : int
        The first frame or slice that it made final, ahead of post-processing.
    settings : Settings
    """

    start: int
    settings: Settings
