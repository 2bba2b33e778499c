"""What a segmentation job tells, in the order in which it happens.

A job tells `Started`, then `FramesDone`, `Advanced` and `Adapted` again and again, and at the end
one of `Succeeded`, `Stopped` and `Failed`. They carry no torch, so that a listener need not load
it, and may come from another process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.inference.doubt import Doubt
from mambaseg.inference.events import Adapted
from mambaseg.inference.record import RunRecord
from mambaseg.types import Provenance

__all__ = [
    "Adapted",
    "Advanced",
    "Failed",
    "FramesDone",
    "JobEvent",
    "MemoryUse",
    "Ready",
    "Started",
    "Stopped",
    "Succeeded",
]


@dataclass(frozen=True)
class Ready:
    """What can compute here, or why nothing can.

    Parameters
    ----------
    backends : dict of str to str
        The selective scan's backend of each device, the fastest first.
    problem : str
        Why there is none, and what to do; "" where there is.
    """

    backends: dict[str, str]
    problem: str = ""


@dataclass(frozen=True)
class MemoryUse:
    """What the process that computes holds.

    Parameters
    ----------
    used_bytes : int
        Main memory that it holds now.
    limit_bytes : int or None
        How much it may hold, for the current or the last job; None without a limit.
    """

    used_bytes: int
    limit_bytes: int | None


@dataclass(frozen=True)
class Started:
    """The job's turn has come.

    Parameters
    ----------
    labels : array-like of uint8, shape (T, Y, X), (Z, Y, X), or (Y, X) for a still image
        An array of the listener's own to put labels in: zeros, or a copy of
        the labels that the request wants to build on. On disk if large.
    runs_on : str
        Device and scan backend, in words.
    """

    labels: Any
    runs_on: str


@dataclass(frozen=True)
class Advanced:
    """The job has come further.

    Parameters
    ----------
    done, total : int
        Units finished so far, and asked for.
    seconds : float
        Since the start.
    unit : str
        "frames", "slices", or "windows" of a volume.
    """

    done: int
    total: int
    seconds: float
    unit: str

    def __str__(self) -> str:
        rate = self.done / self.seconds if self.seconds > 0 else 0.0
        text = f"{self.done} of {self.total} {self.unit}"
        if rate:
            text += f" · {speed(rate, self.unit)}"
            if self.done < self.total:
                text += f" · {time_left((self.total - self.done) / rate)}"
        return text


@dataclass(frozen=True)
class FramesDone(Advanced):
    """Labels of the frames or slices `start` to `stop` (exclusive) are final.

    Parameters
    ----------
    start, stop : int
        The first, and the one after the last.
    labels : ndarray of uint8, shape (T, Y, X) or (Z, Y, X)
        Of these alone.
    """

    start: int
    stop: int
    labels: NDArray[np.uint8]


def speed(rate: float, unit: str) -> str:
    """Say how many units are done in a second, or how long one takes."""
    return f"{rate:.1f} {unit}/s" if rate >= 0.1 else f"{1 / rate:.0f} s for each of the {unit}"


def time_left(seconds: float) -> str:
    """Say how long it will take, no finer than can be known."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"


@dataclass(frozen=True)
class Succeeded:
    """All frames are done, and their labels were told.

    Parameters
    ----------
    provenance : Provenance
        What made them.
    doubt : Doubt or None
        Where a person should look first; None where the run has no scores.
    record : RunRecord
        What was done.
    """

    provenance: Provenance
    doubt: Doubt | None
    record: RunRecord


@dataclass(frozen=True)
class Stopped:
    """The job was cancelled; the frames that were told as done hold."""


@dataclass(frozen=True)
class Failed:
    """The job ended with an error; the frames that were told as done hold."""

    error: Exception


JobEvent = Started | FramesDone | Advanced | Adapted | Succeeded | Stopped | Failed
