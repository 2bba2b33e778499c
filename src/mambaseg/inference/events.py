"""What a running segmentation says, and how to stop it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import Cancelled
from mambaseg.types.segmentation import Segmentation

__all__ = ["CancelToken", "Chunk", "Event", "Finished", "Progress"]


class CancelToken:
    """Asks a running segmentation to stop; safe to use from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask for a stop, which takes effect ahead of the next clip window."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether a stop was asked for."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise Cancelled if a stop was asked for."""
        if self.cancelled:
            raise Cancelled("Cancelled; the frames that were finished are kept.")


@dataclass(frozen=True)
class Progress:
    """How far a segmentation is: `done` of `total` frames after `seconds`."""

    done: int
    total: int
    seconds: float

    @property
    def frames_per_second(self) -> float:
        """Mean speed since the start."""
        return self.done / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Chunk:
    """Final labels of the frames `start` to `stop` (exclusive), shape (T, Y, X)."""

    start: int
    stop: int
    labels: NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Finished:
    """The whole result, after the last chunk."""

    segmentation: Segmentation


Event = Progress | Chunk | Finished
