"""Masks of some frames on their way to the others of a clip."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from mambaseg.data.window import read_plane
from mambaseg.editing import propagate
from mambaseg.service import Deliver
from mambaseg.session.worker import Task, Worker
from mambaseg.types import MedicalImage

__all__ = ["Carrying"]

Mask = NDArray[np.integer[Any]]


class Carrying:
    """Carries masks along the motion of a clip in a worker, and tells each as it arrives.

    Parameters
    ----------
    worker : Worker
    deliver : Deliver
        How news reach the caller's thread.
    image : MedicalImage
        The clip or volume, axes "CTYX" or "CZYX".

    Attributes
    ----------
    active : bool
        Whether masks are on their way.
    done, total : int
        Frames that were reached, and that are to be.
    """

    changed = Signal()
    arrived = Signal(int, object)
    failed = Signal(object)

    def __init__(self, worker: Worker, deliver: Deliver, image: MedicalImage) -> None:
        self._worker, self._deliver, self._image = worker, deliver, image
        self._task: Task | None = None
        self.done = self.total = 0

    @property
    def active(self) -> bool:
        """Whether masks are on their way."""
        return self._task is not None

    def start(self, known: Mapping[int, Mask]) -> None:
        """Carry masks, each of shape (Y, X), to all frames that have none; `arrived` tells them."""
        if self.active:
            return
        masks = {frame: np.array(mask) for frame, mask in known.items()}
        frames = range(self._image.array.shape[1])
        self.done, self.total = 0, len(frames) - len(masks)

        def work(task: Task) -> None:
            def read(frame: int) -> NDArray[Any]:
                task.check()  # here, as many are read before the first mask is found
                return read_plane(self._image, frame)

            for frame, mask in propagate(read, masks, frames):
                task.check()
                self._deliver(partial(self._tell, task, frame, mask))

        self._task = self._worker.submit(work, lambda _: self._end(), self._fail)
        self.changed.emit()

    def stop(self) -> None:
        """Stop; what has arrived stays."""
        if self._task is not None:
            self._task.cancel()
            self._end()

    def _tell(self, task: Task, frame: int, mask: Mask) -> None:
        if task is self._task:
            self.done += 1
            self.arrived.emit(frame, mask)
            self.changed.emit()

    def _end(self) -> None:
        self._task = None
        self.changed.emit()

    def _fail(self, error: Exception) -> None:
        self._end()
        self.failed.emit(error)
