"""One job at a time: the others wait in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from mambaseg.inference.events import CancelToken
from mambaseg.types.errors import MambasegError

__all__ = ["Turns"]

_PAUSE_S = 0.05
"""How often a job that waits looks whether it was cancelled."""


class Turns:
    """A lock that is fair, can be given up while waiting, and never waits for itself."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._owner: int | None = None

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._changed:
            return max(0, len(self._queue) - 1)

    @contextmanager
    def turn(self, cancel: CancelToken) -> Iterator[None]:
        """Wait for a turn and hold it for the block.

        Raises
        ------
        Cancelled
            While it waits, if `cancel` asks for it.
        MambasegError
            If the thread itself holds the turn, so that it would wait for ever.
        """
        ticket = object()
        with self._changed:
            if self._queue and self._owner == threading.get_ident():
                raise MambasegError(
                    "This engine is in the middle of another segmentation that the same thread "
                    "began: take all of its events, or close it, before the next one."
                )
            self._queue.append(ticket)
        try:
            with self._changed:
                while self._queue[0] is not ticket:
                    cancel.check()
                    self._changed.wait(_PAUSE_S)
                self._owner = threading.get_ident()
            yield
        finally:
            with self._changed:
                if self._queue[0] is ticket:
                    self._owner = None
                self._queue.remove(ticket)
                self._changed.notify_all()
