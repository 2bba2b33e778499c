"""Calls that wait until it is known how to make them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, ParamSpec

__all__ = ["HeldBack"]

P = ParamSpec("P")


class HeldBack(Generic[P]):
    """Holds calls of a function back until `release`, in order and from any thread.

    Parameters
    ----------
    function : callable
        What is called.
    """

    def __init__(self, function: Callable[P, None]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], None]] | None = []

    @property
    def holding(self) -> bool:
        """Whether calls wait."""
        return self._waiting is not None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call the function, now or once it is released."""
        with self._lock:
            if self._waiting is None:
                self._function(*args, **kwargs)
            else:
                self._waiting.append(lambda: self._function(*args, **kwargs))

    def forget(self) -> None:
        """Make none of the calls that wait."""
        with self._lock:
            if self._waiting is not None:
                self._waiting = []

    def release(self) -> None:
        """Make the calls that wait, and from now on each at once."""
        with self._lock:
            waiting, self._waiting = self._waiting or [], None
            for call in waiting:
                call()
