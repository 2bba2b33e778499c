"""Work in another thread that waits until a test has done what it wants done meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


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
            assert self._released.wait(120)
        return self._function(*arguments, **options)

    def __get__(self, instance: Any, owner: Any = None) -> Callable[..., Any]:
        """Bind it as a method is bound."""
        return lambda *arguments, **options: self(instance, *arguments, **options)

    def release(self) -> None:
        """Let the work go on, now and from now on."""
        self._released.set()
