"""One thread that does all that it was asked to; nobody waits for it while the program runs."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial

from mambaseg.service import Deliver, call_at_once

__all__ = ["LastingThread"]

_PATIENCE_S = 20.0

Work = Callable[[], Callable[[], None] | None]
_Queued = tuple[float, Work]
_threads: weakref.WeakSet[LastingThread] = weakref.WeakSet()


class LastingThread:
    """Does one thing after another, and all that was asked of it, even after `close`.

    It starts with the first task. The program's end waits for it, but as it is a
    daemon not for a drive that has stalled for good.

    Parameters
    ----------
    name : str
        Of the thread.
    deliver : Deliver
        How what it reports reaches the caller's thread.
    """

    def __init__(self, name: str, deliver: Deliver = call_at_once) -> None:
        self._name, self._deliver = name, deliver
        self._tasks: deque[_Queued] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        _threads.add(self)

    def submit(self, work: Work) -> None:
        """Queue some work; what it gives back, if anything, runs in the caller's thread."""
        with self._changed:
            self._tasks.append((time.monotonic(), work))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    @property
    def behind_s(self) -> float:
        """How long the oldest work that is not done has waited, in seconds."""
        with self._changed:
            return time.monotonic() - self._tasks[0][0] if self._tasks else 0.0

    def close(self) -> None:
        """End once all is done; without waiting for it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def wait(self, patience_s: float) -> None:
        """Wait until all is done, or one thing has taken longer than this."""
        with self._changed:
            while self._tasks:
                if not self._changed.wait_for(partial(self._is_done, self._tasks[0]), patience_s):
                    return

    def _is_done(self, task: _Queued) -> bool:
        return not self._tasks or self._tasks[0] is not task

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._tasks and not self._closing:
                    self._changed.wait()
                if not self._tasks:
                    self._thread = None  # work that comes yet begins another
                    return
                work = self._tasks[0][1]
            tell = _outcome(work)
            with self._changed:
                self._tasks.popleft()  # only now: it counts as waiting until it is done
                self._changed.notify_all()
            del work
            if tell is not None:
                self._tell(tell)
            del tell

    def _tell(self, tell: Callable[[], None]) -> None:
        try:
            self._deliver(tell)
        except Exception as error:  # it must not end the thread: what waits is still to be done
            threading.excepthook(
                threading.ExceptHookArgs(
                    (type(error), error, error.__traceback__, threading.current_thread())
                )
            )


def _outcome(work: Work) -> Callable[[], None] | None:
    try:
        return work()
    except Exception as error:  # a fault in one task must not end the others' thread
        fault = error

        def tell() -> None:
            raise fault

        return tell


@atexit.register
def _finish() -> None:
    for thread in tuple(_threads):
        thread.wait(_PATIENCE_S)
