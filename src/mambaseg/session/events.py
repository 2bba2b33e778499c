"""What a segmentation job tells, in the order in which it happens.

A job tells `Started`, then `FramesDone` again and again, and at the end one of
`Succeeded`, `Stopped` and `Failed`. They carry no torch, so that a listener
need not load it, and could come from another process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types import Segmentation

__all__ = ["Failed", "FramesDone", "JobEvent", "Ready", "Started", "Stopped", "Succeeded"]


@dataclass(frozen=True)
class Ready:
    """What can compute here: the selective scan's backend of each device, the fastest first."""

    backends: dict[str, str]


@dataclass(frozen=True)
class Started:
    """The job's turn has come.

    Parameters
    ----------
    labels : array-like of uint8, shape (T, Y, X), or (Y, X) for a still image
        An array of the listener's own to put labels in: zeros, or a copy of
        the labels that the request wants to build on. On disk if large.
    runs_on : str
        Device and scan backend, in words.
    """

    labels: Any
    runs_on: str


@dataclass(frozen=True)
class FramesDone:
    """Labels of the frames `start` to `stop` (exclusive) are final.

    Parameters
    ----------
    labels : ndarray of int, shape (T, Y, X)
        Of these frames alone.
    done, total : int
        Frames finished so far, and asked for.
    seconds : float
        Since the start.
    """

    start: int
    stop: int
    labels: NDArray[np.integer[Any]]
    done: int
    total: int
    seconds: float

    def __str__(self) -> str:
        rate = self.done / self.seconds if self.seconds > 0 else 0.0
        text = f"{self.done} of {self.total} frames"
        if rate:
            text += f" · {rate:.1f} frames/s"
            if self.done < self.total:
                text += f" · {time_left((self.total - self.done) / rate)}"
        return text


def time_left(seconds: float) -> str:
    """Say how long it will take, no finer than can be known."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"


@dataclass(frozen=True)
class Succeeded:
    """All frames are done; the segmentation holds labels of its own, and their provenance."""

    segmentation: Segmentation


@dataclass(frozen=True)
class Stopped:
    """The job was cancelled; the frames that were told as done hold."""


@dataclass(frozen=True)
class Failed:
    """The job ended with an error; the frames that were told as done hold."""

    error: Exception


JobEvent = Started | FramesDone | Succeeded | Stopped | Failed
