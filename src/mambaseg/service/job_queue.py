"""Jobs one after another, in a thread, in an order that can be seen."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from functools import partial

from psygnal import Signal

from mambaseg.service.deliver import Deliver
from mambaseg.service.events import Failed, JobEvent, Stopped, Succeeded
from mambaseg.service.job import Job, Listener, Request
from mambaseg.types.errors import Cancelled

__all__ = ["JobQueue"]


class JobQueue:
    """Runs jobs in one thread, which starts with the first.

    Parameters
    ----------
    name : str
        Of the thread.
    run : callable
        Runs a job to its end; its error is the job's.
    interrupt : callable
        Passes the wish to stop on to the job that runs.
    deliver : Deliver
        How news reach the listeners' thread.
    """

    changed = Signal()

    def __init__(
        self,
        name: str,
        run: Callable[[Job], None],
        interrupt: Callable[[Job], None],
        deliver: Deliver,
    ) -> None:
        self._run, self._interrupt, self._deliver = run, interrupt, deliver
        self._name = name
        self._thread: threading.Thread | None = None
        self._closed = False
        self._jobs: list[Job] = []
        self._running: Job | None = None
        self._news = threading.Condition()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Those that have not ended, in their order; the first one runs."""
        with self._news:
            return tuple(self._jobs)

    def submit(self, request: Request, listener: Listener) -> Job:
        """Add a job at the end."""

        def tell(event: JobEvent) -> None:
            if isinstance(event, Succeeded | Stopped | Failed) and not self._remove(job):
                return  # a second end, of one that was cancelled as its turn came
            self._deliver(partial(listener, event))

        job = Job(request, tell, self._stop)
        with self._news:
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._news.notify_all()
        self._deliver(self.changed.emit)
        return job

    def close(self) -> None:
        """Ask all jobs to stop, and end the thread after the one that runs, without waiting."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        for job in reversed(self.jobs):
            job.cancel()

    def _stop(self, job: Job) -> None:
        with self._news:
            runs = job is self._running
            waits = not runs and job in self._jobs
        if waits:
            job.tell(Stopped())
        elif runs:
            self._interrupt(job)

    def _next(self) -> Job | None:
        with self._news:
            self._news.wait_for(lambda: self._jobs or self._closed)
            self._running = None if self._closed else self._jobs[0]
            return self._running

    def _remove(self, job: Job) -> bool:
        with self._news:
            if job not in self._jobs:
                return False
            self._jobs.remove(job)
        self._deliver(self.changed.emit)
        return True

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job.token.check()
                self._run(job)
            except Cancelled:
                _end(job, Stopped())
            except Exception as error:
                _end(job, Failed(error))


def _end(job: Job, event: JobEvent) -> None:
    """Tell the end of a job; a listener that stumbles over it keeps no other job waiting."""
    try:
        job.tell(event)
    except Exception:
        traceback.print_exc()
