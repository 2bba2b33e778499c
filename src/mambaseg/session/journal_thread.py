"""The one thread that writes journals; nobody waits for it."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

from mambaseg.service import Deliver, call_at_once

__all__ = ["JournalThread"]

_PATIENCE_S = 5.0
_threads: weakref.WeakSet[JournalThread] = weakref.WeakSet()


class JournalThread:
    """Does one thing after another, and all that was asked of it, even after `close`.

    Unlike a `Worker` it drops nothing that waits. It is a daemon: where a drive
    has stalled for good, the program can still end.

    Parameters
    ----------
    deliver : Deliver
        How what it reports reaches the caller's thread.
    """

    def __init__(self, deliver: Deliver = call_at_once) -> None:
        self._deliver = deliver
        self._tasks: deque[tuple[float, Callable[[], Callable[[], None] | None]]] = deque()
        self._filled = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        _threads.add(self)

    def submit(self, work: Callable[[], Callable[[], None] | None]) -> None:
        """Queue some work; what it gives back, if anything, runs in the caller's thread."""
        with self._filled:
            self._tasks.append((time.monotonic(), work))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="mambaseg-journals", daemon=True
                )
                self._thread.start()
            self._filled.notify()

    @property
    def behind_s(self) -> float:
        """How long the oldest work that is not done has waited, in seconds."""
        with self._filled:
            return time.monotonic() - self._tasks[0][0] if self._tasks else 0.0

    def close(self) -> None:
        """End once all is done; without waiting for it."""
        with self._filled:
            self._closing = True
            self._filled.notify()

    def wait(self, seconds: float) -> bool:
        """Wait until all is done, no longer than this; whether it is."""
        deadline = time.monotonic() + seconds
        while self.behind_s and time.monotonic() < deadline:
            time.sleep(0.005)
        return not self.behind_s

    def _run(self) -> None:
        while True:
            with self._filled:
                while not self._tasks and not self._closing:
                    self._filled.wait()
                if not self._tasks:
                    self._thread = None  # work that comes yet begins another
                    return
                work = self._tasks[0][1]
            tell = _outcome(work)
            with self._filled:
                self._tasks.popleft()  # only now: it counts as waiting until it is done
            del work
            if tell is not None:
                self._deliver(tell)
            del tell


def _outcome(work: Callable[[], Callable[[], None] | None]) -> Callable[[], None] | None:
    try:
        return work()
    except Exception as error:  # a fault in one task must not end the others' thread
        fault = error

        def tell() -> None:
            raise fault

        return tell


@atexit.register
def _finish() -> None:
    deadline = time.monotonic() + _PATIENCE_S
    for thread in tuple(_threads):
        thread.wait(deadline - time.monotonic())
