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
from mambaseg.session.adapting import Adaptation
from mambaseg.session.worker import Task, Worker
from mambaseg.types import MedicalImage
from mambaseg.types.errors import Cancelled

__all__ = ["Carrying"]

Mask = NDArray[np.integer[Any]]


class Carrying:
    """Carries masks along the motion of a clip, and tells each as it arrives.

    Parameters
    ----------
    worker : Worker
        Carries.
    learning : Worker
        Carries and then waits for minutes, where a model is to learn.
    deliver : Deliver
        How news reach the caller's thread.
    image : MedicalImage
        The clip or volume, axes "CTYX" or "CZYX".

    Attributes
    ----------
    active : bool
        Whether masks are on their way.
    text : str
        What goes on, in words.
    part : float
        How much of that is done.

    Signals
    -------
    changed
        One of these has changed.
    arrived
        A frame, its mask of shape (Y, X), and the name of the model that helped; "" if none.
    failed
        It has ended with this error.
    ended
        It has reached its end; whether a model helped, in words, where one was to.
    """

    changed = Signal()
    arrived = Signal(int, object, str)
    failed = Signal(object)
    ended = Signal(str)

    def __init__(
        self, worker: Worker, learning: Worker, deliver: Deliver, image: MedicalImage
    ) -> None:
        self._worker, self._learning = worker, learning
        self._deliver, self._image = deliver, image
        self._task: Task | None = None
        self.text, self.part = "", 0.0

    @property
    def active(self) -> bool:
        """Whether masks are on their way."""
        return self._task is not None

    def start(self, known: Mapping[int, Mask], adaptation: Adaptation | None = None) -> None:
        """Carry masks to all frames that have none; `arrived` tells them.

        Parameters
        ----------
        known : mapping of int to ndarray of int, shape (Y, X)
        adaptation : Adaptation, optional
            What makes some of them better after that; these arrive once more.
        """
        if self.active:
            return
        masks = {frame: np.array(mask) for frame, mask in known.items()}
        frames = range(self._image.array.shape[1])

        def work(task: Task) -> None:
            def read(frame: int) -> NDArray[Any]:
                task.check()  # here, as many are read before the first mask is found
                return read_plane(self._image, frame)

            def say(text: str, part: float) -> None:
                self._deliver(partial(self._say, task, text, part))

            def put(frame: int, mask: Mask, model: str) -> None:
                task.check()
                self._deliver(partial(self._put, task, frame, mask, model))

            for done, (frame, mask) in enumerate(propagate(read, masks, frames)):
                if adaptation is not None:
                    adaptation.take(frame, mask)
                put(frame, mask, "")
                say("Carrying…", (done + 1) / (len(frames) - len(masks)))
            if adaptation is not None:
                for frame, mask in adaptation.masks(masks, read, task, say):
                    put(frame, mask, adaptation.model)

        self.text, self.part = "Carrying…", 0.0
        worker = self._worker if adaptation is None else self._learning
        self._task = worker.submit(work, lambda _: self._end(adaptation), self._fail)
        self.changed.emit()

    def stop(self) -> None:
        """Stop; what has arrived stays."""
        if self._task is not None:
            self._task.cancel()
            self._close()

    def _say(self, task: Task, text: str, part: float) -> None:
        if task is self._task:
            self.text, self.part = text, part
            self.changed.emit()

    def _put(self, task: Task, frame: int, mask: Mask, model: str) -> None:
        if task is self._task:
            self.arrived.emit(frame, mask, model)

    def _close(self) -> None:
        self._task = None
        self.changed.emit()

    def _end(self, adaptation: Adaptation | None) -> None:
        self._close()
        self.ended.emit("" if adaptation is None else adaptation.outcome)

    def _fail(self, error: Exception) -> None:
        self._close()
        if not isinstance(error, Cancelled):  # the job of a copy can be removed from the queue
            self.failed.emit(error)
