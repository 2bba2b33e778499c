"""One thread that does one thing after another, and tells the caller's thread how it went."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from mambaseg.service import Deliver, call_at_once
from mambaseg.session.lasting_thread import LastingThread
from mambaseg.types.errors import Cancelled

__all__ = ["Task", "Worker"]

T = TypeVar("T")


class Task:
    """Work that was handed to a `Worker`."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._silent = False

    def stop(self) -> None:
        """Ask the work to stop; it tells Cancelled, or how it ended if that came too late."""
        self._stopped.set()

    def cancel(self) -> None:
        """Ask the work to stop; what it would have told is told no more."""
        self._silent = True
        self.stop()

    @property
    def silent(self) -> bool:
        """Whether nothing is to be told any more."""
        return self._silent

    def check(self) -> None:
        """Raise Cancelled if a stop was asked for."""
        if self._stopped.is_set():
            raise Cancelled("Cancelled.")


class Worker:
    """A thread with a queue; it starts with the first task and ends with `close`.

    Parameters
    ----------
    name : str
        Of the thread.
    deliver : Deliver
        How results reach the caller's thread.
    """

    def __init__(self, name: str, deliver: Deliver = call_at_once) -> None:
        self._thread = LastingThread(name, deliver)
        self._tasks: set[Task] = set()

    @property
    def busy(self) -> bool:
        """Whether there is work that nobody has cancelled."""
        return not all(task.silent for task in self._tasks)

    def submit(
        self,
        work: Callable[[Task], T],
        done: Callable[[T], object],
        failed: Callable[[Exception], object],
        *,
        lasting: bool = False,
    ) -> Task:
        """Queue some work.

        Parameters
        ----------
        work : callable
            Runs in the thread with its own Task, which it may check.
        done, failed : callable
            One of them is told the outcome in the caller's thread, unless the
            task was cancelled.
        lasting : bool
            Whether it is done even after `close`, as what a user has asked to
            keep has to be.
        """
        task = Task()
        if not lasting:
            self._tasks.add(task)

        def tell(told: Callable[[Any], object], outcome: Any) -> None:
            self._tasks.discard(task)
            if not task.silent:
                told(outcome)

        def run() -> Callable[[], None]:
            told: Callable[[Any], object] = done
            outcome: Any
            try:
                task.check()
                outcome = work(task)
            except Exception as error:
                told, outcome = failed, error
            return lambda: tell(told, outcome)

        self._thread.submit(run)
        return task

    def close(self) -> None:
        """Cancel all tasks that need not last, and end the thread once the others are done."""
        for task in tuple(self._tasks):
            task.cancel()
        self._thread.close()
