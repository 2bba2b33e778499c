"""The service in a process of its own, which may crash or run out of memory alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from psygnal import SignalInstance

from mambaseg.data.channel_names import arranged
from mambaseg.inference.memory import Estimate
from mambaseg.service.child_handle import ChildHandle
from mambaseg.service.deliver import Deliver, call_at_once
from mambaseg.service.environment import chosen_limit
from mambaseg.service.events import MemoryUse, Ready
from mambaseg.service.job import Job, Listener, Request
from mambaseg.service.job_queue import JobQueue
from mambaseg.service.parent_job import stub_of

__all__ = ["ChildProcessService"]


class ChildProcessService:
    """Segments in a child process; torch is loaded there and never here.

    The process starts with the first call, and again with the next job after it was
    lost. Jobs that wait are not lost with it.

    Parameters
    ----------
    deliver : Deliver
        How events reach the listeners' thread.
    memory_limit : int, optional
        Bytes of main memory that the process may hold; by default what the environment
        variable MAMBASEG_MEMORY_LIMIT says, else most of what is free as a job
        begins. It holds on Linux, and not where CUDA is in use.
    """

    def __init__(self, deliver: Deliver = call_at_once, memory_limit: int | None = None) -> None:
        self._deliver, self._limit = deliver, memory_limit
        self._child: ChildHandle | None = None
        self._closed = False
        self._starting = threading.Lock()
        self._waiting: list[Callable[[Ready], None]] = []
        self._jobs = JobQueue("mambaseg-jobs", self._run, self._interrupt, deliver)
        # A thread that starts the process, which takes a while, and sends questions.
        self._asks = ThreadPoolExecutor(1, thread_name_prefix="mambaseg-asks")

    @property
    def queue(self) -> tuple[Job, ...]:
        """The jobs that have not ended, in their order; the first one runs."""
        return self._jobs.jobs

    @property
    def queue_changed(self) -> SignalInstance:
        """Emitted when a job came, began or ended."""
        return self._jobs.changed

    @property
    def pid(self) -> int | None:
        """Number of the process, while there is one."""
        child = self._child
        return child.pid if child is not None and child.alive else None

    def prepare(self, ready: Callable[[Ready], None]) -> None:
        """Start the process, and tell what can compute; where it is lost, that, and again later."""

        def ask() -> None:
            with self._starting:
                self._waiting.append(ready)
            try:
                known = self._living().ready
            except Exception as error:
                known = Ready({}, str(error))
            if known is not None:
                self._tell(known)

        self._asks.submit(ask)

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
        image = arranged(request.image, request.model.recipe.channels)
        arguments = (stub_of(image), request.model, request.device, request.options)
        self._ask("estimate", arguments, told, failed)

    def models(self, told: Callable[[list[str]], None]) -> None:
        """Tell the SHA-256 of each model that is loaded."""
        self._ask("models", (), told)

    def memory(self, told: Callable[[MemoryUse], None]) -> None:
        """Tell what the process holds."""
        self._ask("memory", (), told)

    def release(self) -> None:
        """Drop loaded models and their memory."""
        self._ask("release", (), lambda _: None)

    def close(self) -> None:
        """Cancel all jobs and end the process, without waiting for it."""
        self._closed = True
        self._jobs.close()
        self._asks.shutdown(wait=False, cancel_futures=True)
        if self._child is not None:
            self._child.close()

    def _living(self) -> ChildHandle:
        """Give the process, started if it is not there."""
        with self._starting:
            child = self._child
            if child is None or not child.alive:
                limit = self._limit if self._limit is not None else chosen_limit()
                child = self._child = ChildHandle(limit, self._tell)
                if self._closed:  # meanwhile
                    child.close()
            return child

    def _tell(self, ready: Ready) -> None:
        with self._starting:
            waiting = [] if self._closed else self._waiting
            if not ready.problem:
                self._waiting = []
        for told in waiting:
            self._deliver(partial(told, ready))

    def _run(self, job: Job) -> None:
        self._living().run(job)

    def _interrupt(self, job: Job) -> None:
        child = self._child
        if child is not None:
            child.interrupt(job)

    def _ask(
        self,
        what: str,
        arguments: tuple[Any, ...],
        told: Callable[[Any], None],
        failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        def deliver(to: Callable[[Any], None]) -> Callable[[Any], None]:
            return lambda news: self._deliver(partial(to, news))

        def ask() -> None:
            try:
                self._living().ask(what, arguments, deliver(told), deliver(failed))
            except Exception as error:
                deliver(failed)(error)

        self._asks.submit(ask)
