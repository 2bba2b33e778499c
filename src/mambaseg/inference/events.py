"""What a running segmentation says, and how to stop it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mambaseg.inference.doubt import Doubt
from mambaseg.inference.record import RunRecord
from mambaseg.inference.rungs import Rung
from mambaseg.types.errors import Cancelled
from mambaseg.types.segmentation import Segmentation

__all__ = ["Adapted", "CancelToken", "Chunk", "Event", "Finished", "Progress", "Rung", "Unit"]

Unit = Literal["frames", "slices", "windows"]


class CancelToken:
    """Asks a running segmentation to stop; safe to use from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask for a stop, which takes effect ahead of the next window."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether a stop was asked for."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise Cancelled if a stop was asked for."""
        if self.cancelled:
            raise Cancelled("Cancelled; what was finished is kept.")


@dataclass(frozen=True)
class Progress:
    """How far a segmentation is.

    Parameters
    ----------
    done, total : int
        Frames, or windows of a volume.
    seconds : float
        Since the start.
    unit : {"frames", "windows", "slices"}
        What is counted.
    """

    done: int
    total: int
    seconds: float
    unit: Unit = "frames"

    @property
    def per_second(self) -> float:
        """Mean speed since the start."""
        return self.done / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Chunk:
    """Final labels of the frames, or slices of a volume, from `start` to `stop` (exclusive).

    Their shape is (T, Y, X) or (Z, Y, X); a still image is one frame. Of a time
    series of volumes they are whole volumes, (T, Z, Y, X).
    """

    start: int
    stop: int
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class Adapted:
    """The engine gave way, and goes on.

    Parameters
    ----------
    rung : str
        How.
    text : str
        The same in one sentence for people.
    """

    rung: Rung
    text: str


@dataclass(frozen=True)
class Finished:
    """The whole result, after the last chunk.

    Parameters
    ----------
    segmentation : Segmentation
    doubt : Doubt or None
        How sure it is; None where the run has no scores.
    record : RunRecord
        What was done.
    """

    segmentation: Segmentation
    doubt: Doubt | None
    record: RunRecord


Event = Adapted | Progress | Chunk | Finished
