"""Work in another thread that waits until a test has done what it wants done meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from patience import PATIENCE_S


class Hold:
    """Makes a function wait, once, where a test asks for it.

    Parameters
    ----------
    function : callable
        What to call in the end.
    here : callable
        Whether to wait, told the function's arguments.
    """

    def __init__(
        self, function: Callable[..., Any], here: Callable[..., bool] = lambda *_: True
    ) -> None:
        self._function, self._here = function, here
        self.reached, self._released = threading.Event(), threading.Event()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if self._here(*arguments):
            self.reached.set()
            assert self._released.wait(PATIENCE_S)
        return self._function(*arguments, **options)

    def __get__(self, instance: Any, owner: Any = None) -> Callable[..., Any]:
        """Bind it as a method is bound."""
        return lambda *arguments, **options: self(instance, *arguments, **options)

    def release(self) -> None:
        """Let the work go on, now and from now on."""
        self._released.set()


class Gate:
    """Reads planes of images only as far as a test allows; whoever wants more waits.

    Parameters
    ----------
    read : callable
        Gives the plane of an image.
    """

    def __init__(self, read: Callable[[Any, int], Any]) -> None:
        self._read, self._allowed = read, sys.maxsize
        self._changed = threading.Condition()

    def __call__(self, image: Any, plane: int) -> Any:
        with self._changed:
            assert self._changed.wait_for(lambda: plane < self._allowed, PATIENCE_S)
        return self._read(image, plane)

    def allow(self, planes: int = sys.maxsize) -> None:
        """Let the first planes be read, or all."""
        with self._changed:
            self._allowed = planes
            self._changed.notify_all()
