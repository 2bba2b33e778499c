"""One segmentation from its first event to its last."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from mambaseg.data.fitting import unknown_place
from mambaseg.inference.devices import describe_device
from mambaseg.inference.estimating import estimate, is_plenty
from mambaseg.inference.events import Adapted, CancelToken, Chunk, Event, Progress
from mambaseg.inference.faults import is_device_lost, is_out_of_memory
from mambaseg.inference.finishing import Finisher
from mambaseg.inference.forward import Forward, mirrorings
from mambaseg.inference.free_memory import free_bytes
from mambaseg.inference.hosting import Hosting
from mambaseg.inference.ladder import Ladder, Shortage
from mambaseg.inference.plans import Plan, Step
from mambaseg.inference.remembered import recall, remember
from mambaseg.inference.settings import Stage
from mambaseg.types.errors import (
    DeviceLostError,
    NotFiniteError,
    OutOfMemoryError,
    UnsupportedImageError,
)
from mambaseg.types.trained_model import TrainedModel

__all__ = ["Run"]


@dataclass
class Run:
    """Goes through a plan, and gives way where memory runs short.

    What was final stays so: after each step down the ladder it goes on from the
    first frame or slice that is not.

    Parameters
    ----------
    plan : Plan
    model : TrainedModel
    hosting : Hosting
    ladder : Ladder
        With the settings to begin with.
    finisher : Finisher
        Makes chunks final.
    keep : callable
        Is given each chunk ahead of who takes the events.
    cancel : CancelToken
    replay : sequence of Stage
        How another run was computed that is done again; it is gone through first.
    """

    plan: Plan
    model: TrainedModel
    hosting: Hosting
    ladder: Ladder
    finisher: Finisher
    keep: Callable[[Chunk], None]
    cancel: CancelToken
    replay: Sequence[Stage] = ()
    seconds: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    last: Step = field(default_factory=lambda: Step(0, 0))

    def events(self) -> Iterator[Event]:
        """Run.

        Yields
        ------
        Adapted, Chunk, Progress

        Raises
        ------
        OutOfMemoryError
            If memory does not suffice even so.
        DeviceLostError
            If the device failed.
        """
        if unknown := unknown_place(self.plan.image, self.plan.recipe):
            self.ladder.rungs.append("as_stored")
            yield Adapted("as_stored", unknown)
        begun = free_bytes(torch.device(self.ladder.settings.device))
        if not self.replay:
            yield from self._settle(begun)
        planned = len(self.ladder.rungs)
        start = self.plan.finals.start
        again = list(self.replay)
        while True:
            if again:
                self.ladder.settings = again.pop(0).settings
            until = again[0].start if again else self.plan.finals.stop
            if self.stages and self.stages[-1].start == start:
                self.stages.pop()  # nothing came of it
            self.stages.append(Stage(start, self.ladder.settings))
            try:
                for step, final in self._steps(start):
                    if step.final is not None:
                        start = step.final.stop
                    yield from final
                    yield Progress(step.done, step.total, self.seconds, self.plan.unit)
                    if again and start >= until:
                        break
                if again:
                    continue
                yield from self._finish()
                break
            except (RuntimeError, MemoryError, NotFiniteError, UnsupportedImageError) as error:
                adapted = self._give_way(error)
                again = []  # the run cannot be done as it was
            gc.collect()  # the failed pass holds tensors until its frames are gone
            yield adapted
        others = ("float32", "as_stored")
        helped = tuple(rung for rung in self.ladder.rungs if rung not in others)
        if len(self.ladder.rungs) > planned and helped:
            remember(self.model.sha256, str(self.ladder.first_device), begun, helped)

    def _settle(self, free: int) -> Iterator[Adapted]:
        """Choose what to begin with: by what helped before, then by an estimate."""
        for rung in recall(self.model.sha256, self.ladder.settings.device, free):
            short: Shortage = "host" if rung == "buffered" else "device"
            if said := self.ladder.take(rung, short):
                yield Adapted(rung, f"Memory ran short here before: uses {said} from the start.")
        device = torch.device(self.ladder.settings.device)
        if is_plenty(self.plan, self.ladder.settings, device):
            return
        before = len(self.ladder.rungs)
        network = self.hosting.network(self.model, device)
        found = estimate(self.plan, self.model.recipe, network, self.ladder)
        for rung in dict.fromkeys(found.rungs[before:]):
            yield Adapted(rung, f"The segmentation {found.text}.")

    def _steps(self, start: int) -> Iterator[tuple[Step, list[Chunk]]]:
        """Go through the plan with the present settings; keeps time, the caller's left out."""
        settings = self.ladder.settings
        device = torch.device(settings.device)
        tick = time.perf_counter()
        network = self.hosting.network(self.model, device)
        self._took("load", tick)
        kind, seconds = self.model.recipe.kind, self.stage_seconds
        forward = Forward(network, device, kind, settings.precision, seconds, self.plan.mirror_axes)
        for step in self.plan.steps(forward, settings, self.cancel, start):
            final = [] if step.final is None else self._kept(self.finisher.push(step.final))
            self.seconds += time.perf_counter() - tick
            self.last = step
            yield step, final
            tick = time.perf_counter()

    def _finish(self) -> Iterator[Chunk]:
        tick = time.perf_counter()
        final = self._kept(self.finisher.finish())
        self.seconds += time.perf_counter() - tick
        yield from final

    def _kept(self, chunks: Iterator[Chunk]) -> list[Chunk]:
        tick = time.perf_counter()
        final = list(chunks)
        self._took("post", tick)
        for chunk in final:
            self.keep(chunk)
        return final

    def _took(self, stage: str, since: float) -> None:
        took = time.perf_counter() - since
        self.stage_seconds[stage] = self.stage_seconds.get(stage, 0.0) + took

    def _give_way(self, error: Exception) -> Adapted:
        """Change the settings after a failure, and say so; else raise a sentence."""
        device = describe_device(torch.device(self.ladder.settings.device))
        if isinstance(error, NotFiniteError):
            if not self.ladder.to_float32():
                raise error
            return Adapted("float32", f"{str(error).split(' Check')[0]} Goes on in float32.")
        if isinstance(error, UnsupportedImageError):
            if not self.ladder.refuse_window():
                raise error
        elif is_device_lost(error) and not is_out_of_memory(error):
            self.hosting.release()
            raise DeviceLostError(
                f"The device {device} failed in the middle of the run: "
                f"{' '.join(str(error).split())[:200]} What was final is kept. "
                "Start mambaseg anew, or use another device."
            ) from error
        elif not is_out_of_memory(error):
            raise error
        window = self.ladder.settings.window
        said = self.ladder.down(_shortage(error))
        if said is None:
            raise OutOfMemoryError(
                f"The memory of {device} did not suffice for {self.plan.seen(window)}, after "
                "everything that saves memory. What was final is kept. Close other programs, "
                "or use another device."
            ) from error
        return Adapted(self.ladder.rungs[-1], f"The memory of {device} ran short: uses {said} now.")

    def choices(self) -> dict[str, Any]:
        """Give what was chosen at last, for the record."""
        settings = self.ladder.settings
        passes = len(mirrorings(self.plan.mirror_axes))
        chosen = {"batch": settings.batch, "mirrorings": passes, **self.plan.choices(settings)}
        return chosen | ({"windows": self.last.total} if self.plan.unit == "windows" else {})


def _shortage(error: Exception) -> Shortage:
    on_device = isinstance(error, torch.OutOfMemoryError) or "MPS" in str(error)
    return "device" if on_device else "host"
