"""Who segments: the seam between the panels and the engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mambaseg.session.events import (
    Advanced,
    Failed,
    FramesDone,
    JobEvent,
    Ready,
    Started,
    Stopped,
    Succeeded,
)
from mambaseg.session.worker import Deliver, call_at_once
from mambaseg.types import ArrayLike, MedicalImage
from mambaseg.types.errors import Cancelled, UnknownNameError
from mambaseg.types.trained_model import TrainedModel

if TYPE_CHECKING:
    # torch comes with these, and must not be loaded in the thread of the widgets.
    from mambaseg.inference import CancelToken, Engine

__all__ = ["InProcessService", "Job", "Request", "SegmentationService"]

Listener = Callable[[JobEvent], None]


@dataclass(frozen=True)
class Request:
    """What to segment and how.

    Parameters
    ----------
    image : MedicalImage
        An image, video or volume that fits the model.
    model : TrainedModel
        The model.
    device : str
        "auto" for the fastest, or a name from `Ready.backends`.
    frames : range or None
        Consecutive frames; None for all.
    mirror : bool or None
        Whether a volume's windows are averaged with their mirror images; None: the model's.
    by_slice : bool
        Have a model for pictures segment a volume, one slice after another.
    base : array-like of uint8, shape (T, Y, X), (Z, Y, X) or (Y, X), or None
        Labels that the new ones are put into, for `Started.labels`; they
        themselves stay as they are. None: zeros.
    """

    image: MedicalImage
    model: TrainedModel
    device: str = "auto"
    frames: range | None = None
    mirror: bool | None = None
    by_slice: bool = False
    base: ArrayLike | None = None


class Job:
    """A segmentation that waits, runs or has ended."""

    def __init__(self) -> None:
        self._asked = False
        self._token: CancelToken | None = None

    def cancel(self) -> None:
        """Ask for a stop, which takes effect ahead of the next clip, frame or window."""
        self._asked = True
        if self._token is not None:
            self._token.cancel()

    def attach(self, token: CancelToken) -> None:
        """Connect to the engine that takes up the job."""
        self._token = token
        if self._asked:
            token.cancel()


class SegmentationService(Protocol):
    """Segments images somewhere else than in the thread that asks for it."""

    def prepare(self, ready: Callable[[Ready], None]) -> None:
        """Load what every job needs, and tell what can compute."""

    def submit(self, request: Request, listener: Listener) -> Job:
        """Queue a job; the listener is told its events in the thread of the widgets."""

    def close(self) -> None:
        """Cancel all jobs and end."""


class InProcessService:
    """Segments in one thread of this process, one job after another.

    Parameters
    ----------
    deliver : Deliver
        How events reach the listeners' thread.
    """

    def __init__(self, deliver: Deliver = call_at_once) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mambaseg-engine")
        self._deliver = deliver
        self._jobs: set[Job] = set()
        self._engine: tuple[str, Engine] | None = None
        # Threads that spin while they wait take the widgets' core. Read as torch loads.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    def prepare(self, ready: Callable[[Ready], None]) -> None:
        """Load torch in the thread, and tell what can compute."""

        def run() -> None:
            from mambaseg.inference import available_devices

            _leave_a_core()
            news = Ready({name: _backend(name) for name in available_devices()})
            self._deliver(lambda: ready(news))

        self._pool.submit(run)

    def submit(self, request: Request, listener: Listener) -> Job:
        """Queue a job; the listener is told its events in the thread of the widgets."""
        job = Job()
        self._jobs.add(job)

        def tell(event: JobEvent) -> None:
            self._deliver(lambda: listener(event))

        def run() -> None:
            try:
                self._run(request, job, tell)
            except Cancelled:
                tell(Stopped())
            except Exception as error:
                tell(Failed(error))
            finally:
                self._jobs.discard(job)

        self._pool.submit(run)
        return job

    def close(self) -> None:
        """Cancel all jobs and end the thread, once it has stopped, without waiting for it."""
        for job in tuple(self._jobs):
            job.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, request: Request, job: Job, tell: Callable[[JobEvent], None]) -> None:
        from mambaseg.inference import CancelToken, Chunk, Finished, Options, Progress
        from mambaseg.inference.devices import describe_device

        token = CancelToken()
        job.attach(token)
        token.check()
        engine = self._engine_on(request.device)
        tell(
            Started(
                _labels_for(request),
                f"{describe_device(engine.device)}, scan backend {engine.backend}",
            )
        )
        token.check()
        chunk: Chunk | None = None
        options = Options(frames=request.frames, mirror=request.mirror, by_slice=request.by_slice)
        for event in engine.stream(request.image, request.model, options, cancel=token):
            if isinstance(event, Chunk):
                chunk = event
            elif isinstance(event, Progress):
                far = (event.done, event.total, event.seconds, event.unit)
                if chunk is None:
                    tell(Advanced(*far))
                else:
                    tell(FramesDone(*far, chunk.start, chunk.stop, chunk.labels))
                chunk = None
            elif isinstance(event, Finished):
                tell(Succeeded(event.segmentation))

    def _engine_on(self, device: str) -> Engine:
        """Keep the last engine, and with it the model that is loaded."""
        from mambaseg.inference import Engine

        if self._engine is None or self._engine[0] != device:
            self._engine = None  # let go of the old one's memory first
            self._engine = (device, Engine(device))
        return self._engine[1]


def _backend(device: str) -> str:
    import torch

    from mambaseg.inference import scan_backend

    try:
        return scan_backend(torch.device(device))
    except UnknownNameError:  # a run will say what is wrong
        return "none"


def _leave_a_core() -> None:
    """Keep one processor core free for the windows."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(max(1, min(torch.get_num_threads(), (cores or 1) - 1)))


def _labels_for(request: Request) -> ArrayLike:
    from mambaseg.inference.label_store import new_labels

    shape = request.image.array.shape[1:]
    if len(shape) == 2:
        base = request.base
        return np.zeros(shape, np.uint8) if base is None else np.array(base, np.uint8)
    labels: ArrayLike = new_labels(shape)  # type: ignore[arg-type]
    if request.base is not None:
        for index in range(shape[0]):
            labels[index] = np.asarray(request.base[index])  # type: ignore[index]
    return labels
