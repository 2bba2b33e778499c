"""A job on an engine, for whichever process holds it. Only the process that computes calls this."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mambaseg.inference.events import Adapted, CancelToken, Chunk, Progress
from mambaseg.inference.options import Options
from mambaseg.service.events import Advanced, FramesDone, Ready, Succeeded
from mambaseg.types import MedicalImage
from mambaseg.types.errors import UnknownNameError
from mambaseg.types.trained_model import TrainedModel

if TYPE_CHECKING:
    # torch comes with it, and must not be loaded in the thread of the widgets.
    from mambaseg.inference import Engine

__all__ = ["Engines", "Outcome", "get_ready", "runs_on", "stream"]

Outcome = Advanced | FramesDone | Adapted | Succeeded

# Threads that spin while they wait take the widgets' core. Read as torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def get_ready() -> Ready:
    """Load torch, leave one core to the windows, and say what can compute."""
    import torch

    from mambaseg.inference import available_devices, scan_backend

    def backend(device: str) -> str:
        try:
            return scan_backend(torch.device(device))
        except UnknownNameError:  # a run will say what is wrong
            return "none"

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(max(1, min(torch.get_num_threads(), (cores or 1) - 1)))
    return Ready({name: backend(name) for name in available_devices()})


class Engines:
    """The engines that were used, one for each device; asked from any thread.

    Attributes
    ----------
    turn : Lock
        Held by a job, and by an estimate, which would take the processor from it.
    """

    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()
        self.turn = threading.Lock()

    def on(self, device: str) -> Engine:
        """Give the engine of a device."""
        from mambaseg.inference import Engine

        with self._lock:
            if device not in self._engines:
                self._engines[device] = Engine(device)
            return self._engines[device]

    def only_on(self, device: str) -> Engine:
        """Give the engine of a device, and let go of the memory of the others."""
        engine = self.on(device)
        for other in list(self._engines.values()):
            if other is not engine:
                other.release()
        return engine

    @property
    def models(self) -> list[str]:
        """SHA-256 of each model that is loaded."""
        return [sha256 for engine in list(self._engines.values()) for sha256 in engine.models]

    def release(self) -> None:
        """Drop loaded models and their memory."""
        for engine in list(self._engines.values()):
            engine.release()


def runs_on(engine: Engine) -> str:
    """Device and scan backend, in words."""
    from mambaseg.inference import describe_device

    return f"{describe_device(engine.device)}, scan backend {engine.backend}"


def stream(
    engine: Engine, image: MedicalImage, model: TrainedModel, options: Options, token: CancelToken
) -> Iterator[Outcome]:
    """Segment, giving what a job's listener is told; errors are the engine's."""
    chunks: list[Chunk] = []
    for event in engine.stream(image, model, options, cancel=token):
        if isinstance(event, Chunk):
            chunks.append(event)
        elif isinstance(event, Progress):
            far = (event.done, event.total, event.seconds, event.unit)
            for chunk in chunks:
                yield FramesDone(*far, chunk.start, chunk.stop, chunk.labels)
            if not chunks:
                yield Advanced(*far)
            chunks.clear()
        elif isinstance(event, Adapted):
            yield event
        else:
            yield Succeeded(event.segmentation.provenance, event.doubt, event.record)
