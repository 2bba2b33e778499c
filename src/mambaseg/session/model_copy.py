"""A copy of a model that learns some frames of one clip, and is gone after it."""

from __future__ import annotations

import queue
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mambaseg.corrections import Store
from mambaseg.inference import Options
from mambaseg.service import (
    Deliver,
    Failed,
    FramesDone,
    Job,
    JobEvent,
    Request,
    SegmentationService,
    Stopped,
    Succeeded,
)
from mambaseg.session.copies_folder import own_folder
from mambaseg.session.correcting import SomeFrames
from mambaseg.session.run_folders import last_error, launch, remove_run
from mambaseg.session.worker import Task
from mambaseg.training import FineTuningConfig, Run, split_margin
from mambaseg.training.events import AnyEvent, Progress
from mambaseg.training.events import Failed as TrainingFailed
from mambaseg.training.events import Finished as TrainingFinished
from mambaseg.training.learnt import learnt_frames
from mambaseg.types import ArrayLike, LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import Cancelled, OutputError, TrainingError
from mambaseg.types.optimization import Budget
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import load_model

__all__ = ["Ingredients", "ModelCopy"]

Mask = NDArray[np.integer[Any]]
_POLL_S = 0.2
_UNNAMEABLE = r"[^\w .+-]"


@dataclass(frozen=True)
class Ingredients:
    """What a copy is made of, and who works for it.

    Parameters
    ----------
    model : TrainedModel
        Stays as it is.
    image : MedicalImage
        A clip or volume that it fits, axes "CTYX" or "CZYX".
    label_set : LabelSet
        Classes of the masks.
    service : SegmentationService
        Segments.
    deliver : Deliver
        How the service is called in the thread that it listens to.
    """

    model: TrainedModel
    image: MedicalImage
    label_set: LabelSet
    service: SegmentationService
    deliver: Deliver


class ModelCopy:
    """Learns in a process of its own, for as long as the context lasts; calls wait for the end.

    Parameters
    ----------
    of : Ingredients
    masks : mapping of int to ndarray of int, shape (Y, X)
        True masks by frame.
    task : Task
        A stop of it ends what goes on.

    Attributes
    ----------
    margin : int
        How far from frames that are held out nothing is learnt.
    learnt : frozenset of int
        Frames of these that the model itself has learnt before. Known in the context.

    Raises
    ------
    MambasegError
        As the context begins, if the clip cannot be copied.
    Cancelled
        As anywhere, if the task was stopped.
    """

    def __init__(self, of: Ingredients, masks: Mapping[int, Mask], task: Task) -> None:
        self._of, self._masks, self._task = of, masks, task
        self._model = of.model
        self.margin = split_margin(of.model.recipe)
        self.learnt: frozenset[int] = frozenset()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        of, image = self._of, self._of.image
        with ExitStack() as opened:
            self._folder = opened.enter_context(own_folder())
            self._store = Store(self._folder / "Dataset001_clip")
            labels = SomeFrames(self._masks, image.array.shape[1])
            kept = Segmentation(labels, image.axes[1:], of.label_set, image.geometry)
            watched = replace(image, array=_Watched(image.array, self._task))
            self._case = self._store.verify(watched, kept, self._masks)
            found = learnt_frames(of.model.card, [self._case]).get(self._case, ())
            self.learnt = frozenset(found).intersection(self._masks)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def learn(
        self, held_out: Collection[int], budget: Budget, told: Callable[[float], object]
    ) -> None:
        """Learn from the masks, but those of held-out frames.

        Parameters
        ----------
        held_out : collection of int
        budget : Budget
        told : callable
            Is given the part of the budget that is spent.

        Raises
        ------
        TrainingError
            If nothing can be learnt.
        Cancelled
            If the task was stopped.
        """
        config = FineTuningConfig(
            model=str(self._model.path),
            data=str(self._store.path),
            budget=budget,
            held_out={self._case: tuple(held_out)} if held_out else {},
            name=f"copy of {re.sub(_UNNAMEABLE, '_', self._of.model.name)}",
        )
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self._folder))
        process = launch(config, folder)
        try:
            for event in self._events(Run(folder), lambda: process.poll() is not None):
                if isinstance(event, Progress):
                    told(event.seconds / max(event.seconds + event.seconds_left, 1e-9))
                elif isinstance(event, TrainingFailed):
                    raise TrainingError(event.message)
                elif isinstance(event, TrainingFinished):
                    target = folder.with_suffix(".safetensors")
                    self._model = load_model(Path(event.model).rename(target))
        finally:
            process.kill()
            process.wait()
            with suppress(OutputError):  # it goes with the copy's own folder in any case
                remove_run(folder)

    def _events(self, run: Run, ended: Callable[[], bool]) -> Iterator[AnyEvent]:
        """Tell what a run says, up to its end."""
        offset = 0
        while True:
            last = ended()  # ahead of reading, so that nothing is missed
            events, offset = run.any_events(offset)
            for event in events:
                yield event
                if isinstance(event, TrainingFinished | TrainingFailed):
                    return
            if last:
                raise TrainingError(
                    last_error(run.path) or "The process that trains has ended of itself."
                )
            self._task.check()
            time.sleep(_POLL_S)

    def find(self, frames: Collection[int]) -> Iterator[tuple[int, Mask]]:
        """Segment frames as the copy now can, and give the mask (Y, X) of each.

        Raises
        ------
        MambasegError
            As segmenting does.
        Cancelled
            If the task was stopped.
        """
        image, wanted, kind = self._of.image, frozenset(frames), self._model.recipe.kind
        others = frozenset(range(image.array.shape[1])) - wanted
        options = Options(
            skip=frozenset() if kind == "volume" else others,  # a volume is segmented as a whole
            by_slice=kind == "image" and image.kind == "volume",
        )
        request = Request(image, self._model, "auto", options)
        told: queue.SimpleQueue[JobEvent] = queue.SimpleQueue()
        jobs: list[Job] = []
        self._of.deliver(lambda: jobs.append(self._of.service.submit(request, told.put)))
        try:
            for event in self._job_events(told):
                if isinstance(event, FramesDone):
                    for frame in wanted.intersection(range(event.start, event.stop)):
                        yield frame, event.labels[frame - event.start]
                elif isinstance(event, Failed):
                    raise event.error
                elif isinstance(event, Stopped):
                    raise Cancelled("Cancelled.")
        finally:
            self._of.deliver(lambda: _cancel(jobs))

    def _job_events(self, told: queue.SimpleQueue[JobEvent]) -> Iterator[JobEvent]:
        """Tell what a job says, up to its success."""
        event: JobEvent | None = None
        while not isinstance(event, Succeeded):
            self._task.check()
            with suppress(queue.Empty):
                event = told.get(timeout=_POLL_S)
                yield event


class _Watched:
    """An array that is read no further once a task is stopped."""

    def __init__(self, array: ArrayLike, task: Task) -> None:
        self._array, self._task = array, task
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key: Any) -> Any:
        self._task.check()
        return self._array[key]


def _cancel(jobs: list[Job]) -> None:
    for job in jobs:
        job.cancel()
