"""A copy of a model that learns some frames of one clip, and goes with its folder."""

from __future__ import annotations

import queue
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
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
from mambaseg.session.run_folders import last_error, launch, process_of, remove_run
from mambaseg.session.worker import Task
from mambaseg.training import FineTuningConfig, Run
from mambaseg.training.events import AnyEvent, Progress
from mambaseg.training.events import Failed as TrainingFailed
from mambaseg.training.events import Finished as TrainingFinished
from mambaseg.training.learnt import learnt_frames
from mambaseg.types import LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import Cancelled, TrainingError
from mambaseg.types.optimization import Budget
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import load_model

__all__ = ["Ingredients", "ModelCopy"]

Mask = NDArray[np.integer[Any]]
_POLL_S = 0.2


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
    learnt : frozenset of int
        Frames of these that the model itself has learnt before.
    """

    def __init__(self, of: Ingredients, masks: Mapping[int, Mask], task: Task) -> None:
        self._of, self._task = of, task
        self._model = of.model
        self._folder = tempfile.TemporaryDirectory(
            prefix="mambaseg-copy-", ignore_cleanup_errors=True
        )
        self._store = Store(Path(self._folder.name) / "Dataset001_clip")
        labels = np.zeros(of.image.array.shape[1:], np.uint8)
        for frame, mask in masks.items():
            labels[frame] = mask
        kept = Segmentation(labels, of.image.axes[1:], of.label_set, of.image.geometry)
        try:
            self._case = self._store.verify(of.image, kept, masks)
        except BaseException:
            self._folder.cleanup()
            raise
        found = learnt_frames(of.model.card, [self._case]).get(self._case, ())
        self.learnt = frozenset(found).intersection(masks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

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
            name="copy",
        )
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self._folder.name))
        launch(config, folder)
        process = process_of(folder)
        assert process is not None  # noqa: S101 - it was just started
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


def _cancel(jobs: list[Job]) -> None:
    for job in jobs:
        job.cancel()
