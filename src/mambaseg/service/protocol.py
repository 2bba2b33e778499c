"""What a panel may ask of whoever segments: the seam between the windows and the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from psygnal import SignalInstance

from mambaseg.inference.memory import Estimate
from mambaseg.service.events import MemoryUse, Ready
from mambaseg.service.job import Job, Listener, Request

__all__ = ["SegmentationService"]


class SegmentationService(Protocol):
    """Segments images somewhere else than in the thread that asks for it.

    No call waits for an answer: answers are told in the thread of the widgets,
    as are the events of a job.
    """

    @property
    def queue(self) -> tuple[Job, ...]:
        """The jobs that have not ended, in their order; the first one runs."""

    @property
    def queue_changed(self) -> SignalInstance:
        """Emitted when a job came, began or ended."""

    def prepare(self, ready: Callable[[Ready], None]) -> None:
        """Load what every job needs, and tell what can compute.

        Where nothing can, the reason is told, and once a later job has begun, what can.
        """

    def submit(self, request: Request, listener: Listener) -> Job:
        """Queue a job; the listener is told its events."""

    def estimate(
        self,
        request: Request,
        told: Callable[[Estimate], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Tell what a request would need, without running it."""

    def models(self, told: Callable[[list[str]], None]) -> None:
        """Tell the SHA-256 of each model that is loaded."""

    def memory(self, told: Callable[[MemoryUse], None]) -> None:
        """Tell what the process that computes holds."""

    def release(self) -> None:
        """Drop loaded models and their memory."""

    def close(self) -> None:
        """Cancel all jobs and end, without waiting for it."""
