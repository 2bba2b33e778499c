"""What listens to a job in tests."""

from __future__ import annotations

import threading
from collections.abc import Callable

from patience import PATIENCE_S

from mambaseg.service import Failed, JobEvent, Stopped, Succeeded


class Listener:
    """Keeps what it was told."""

    def __init__(self, on_event: Callable[[JobEvent], None] = lambda event: None) -> None:
        self.events: list[JobEvent] = []
        self.ended = threading.Event()
        self._on_event = on_event

    def __call__(self, event: JobEvent) -> None:
        self.events.append(event)
        self._on_event(event)
        if isinstance(event, Succeeded | Stopped | Failed):
            self.ended.set()

    def wait(self) -> list[JobEvent]:
        assert self.ended.wait(PATIENCE_S)
        return self.events
