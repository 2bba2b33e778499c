"""The service in a thread of this process, for the shell, scripts and tests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from psygnal import SignalInstance

from mambaseg.inference.memory import Estimate
from mambaseg.service.deliver import Deliver, call_at_once
from mambaseg.service.events import MemoryUse, Ready, Started
from mambaseg.service.job import Job, Listener, Request
from mambaseg.service.job_queue import JobQueue
from mambaseg.service.limits import memory_use
from mambaseg.service.own_labels import own_labels
from mambaseg.service.running import Engines, get_ready, runs_on, stream

__all__ = ["InProcessService"]

T = TypeVar("T")


class InProcessService:
    """Segments in one thread of this process, one job after another.

    An image that does not fit into memory, or a fault in a kernel, ends the whole process.
    Not for a process with windows: OpenGL by software brings an LLVM with it, after which
    that of triton, which torch loads, crashes.

    Parameters
    ----------
    deliver : Deliver
        How events reach the listeners' thread.
    """

    def __init__(self, deliver: Deliver = call_at_once) -> None:
        self._deliver = deliver
        self._engines = Engines()
        self._jobs = JobQueue("mambaseg-engine", self._run, lambda job: None, deliver)
        self._asked = ThreadPoolExecutor(1, thread_name_prefix="mambaseg-asked")
        self._estimates = ThreadPoolExecutor(1, thread_name_prefix="mambaseg-estimates")

    @property
    def queue(self) -> tuple[Job, ...]:
        """The jobs that have not ended, in their order; the first one runs."""
        return self._jobs.jobs

    @property
    def queue_changed(self) -> SignalInstance:
        """Emitted when a job came, began or ended."""
        return self._jobs.changed

    def prepare(self, ready: Callable[[Ready], None]) -> None:
        """Load torch in a thread, and tell what can compute."""
        self._ask(get_ready, ready, lambda error: ready(Ready({}, str(error))))

    def submit(self, request: Request, listener: Listener) -> Job:
        """Queue a job; the listener is told its events."""
        return self._jobs.submit(request, listener)

    def estimate(
        self,
        request: Request,
        told: Callable[[Estimate], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Tell what a request would need, without running it."""

        def estimate() -> Estimate:
            with self._engines.turn:
                engine = self._engines.on(request.device)
                return engine.estimate(request.image, request.model, request.options)

        self._ask(estimate, told, failed, self._estimates)

    def models(self, told: Callable[[list[str]], None]) -> None:
        """Tell the SHA-256 of each model that is loaded."""
        self._ask(lambda: self._engines.models, told)

    def memory(self, told: Callable[[MemoryUse], None]) -> None:
        """Tell what this process holds."""
        self._ask(lambda: memory_use(None), told)

    def release(self) -> None:
        """Drop loaded models and their memory."""
        self._ask(self._engines.release, lambda _: None)

    def close(self) -> None:
        """Cancel all jobs and end the threads, once they have stopped, without waiting for it."""
        self._jobs.close()
        for pool in (self._asked, self._estimates):
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(
        self,
        question: Callable[[], T],
        told: Callable[[T], None],
        failed: Callable[[Exception], None] = lambda error: None,
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        def run() -> None:
            try:
                answer = question()
            except Exception as error:
                self._deliver(partial(failed, error))
            else:
                self._deliver(partial(told, answer))

        (pool or self._asked).submit(run)

    def _run(self, job: Job) -> None:
        request = job.request
        with self._engines.turn:
            engine = self._engines.only_on(request.device)
            job.tell(Started(own_labels(request), runs_on(engine)))
            for event in stream(engine, request.image, request.model, request.options, job.token):
                job.tell(event)
