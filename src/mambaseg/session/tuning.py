"""A training as a panel follows it, in a process of its own that outlives the viewer."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from psygnal import Signal

from mambaseg.session.run_folders import config_of, last_error, launch, process_of, remove_run
from mambaseg.session.worker import Task, Worker
from mambaseg.training import Kept, Run, keep
from mambaseg.training.events import (
    AnyEvent,
    Failed,
    Finished,
    Progress,
    Started,
    TrainingStarted,
)
from mambaseg.training.held_out_views import HeldOutViews, read_views

__all__ = ["Tuning", "TuningState"]

TuningState = Literal["starting", "running", "finished", "failed", "cut off"]

_START_S = 90.0  # loading torch on a busy machine takes a while


class _Asked(NamedTuple):
    stopping: bool
    paused: bool
    since: int
    """How many requests of this viewer's were ahead of it."""


class _News(NamedTuple):
    events: list[AnyEvent]
    offset: int
    state: TuningState
    asked: _Asked
    has_model: bool
    views: HeldOutViews | None
    views_at: int


class Tuning:
    """Follows the run in a folder, whoever started it.

    Parameters
    ----------
    folder : Path
        From `start_run` or `open_runs`.
    worker : Worker
        Reads and writes the folder.

    Attributes
    ----------
    state : TuningState
        "cut off": the process was killed; `go_on` starts it again where it last
        saved itself.
    started : Started, TrainingStarted or None
        The first news: split, parent's score, notes.
    losses : list of (float, float)
        Seconds and loss.
    dices : list of (float, dict of str to float)
        Seconds and held-out Dice by class.
    last : Progress or None
        The latest progress.
    finished : Finished or None
        Scores before and after, once it is over.
    message : str
        Why it failed.
    has_model : bool
        Whether there are weights that can be kept.
    stopping, paused : bool
        Whether it was asked to stop, or to wait.
    views : HeldOutViews or None
        What is found on a few held-out frames.
    """

    changed = Signal()

    def __init__(self, folder: Path, worker: Worker) -> None:
        self.run = Run(folder)
        self.state: TuningState = "starting"
        self.stopping = self.paused = self.has_model = False
        self._requests = 0
        self.views: HeldOutViews | None = None
        self._views_at = 0
        self.message = ""
        self._worker, self._busy = worker, False
        self._forget()

    def _forget(self) -> None:
        self._offset = 0
        self.started: Started | TrainingStarted | None = None
        self.finished: Finished | None = None
        self.last: Progress | None = None
        self.losses: list[tuple[float, float]] = []
        self.dices: list[tuple[float, dict[str, float]]] = []

    def poll(self) -> None:
        """Have the news read; `changed` tells when there are any. At most one call waits."""
        if self._busy:
            return
        self._busy, requests = True, self._requests

        def read(task: Task) -> _News:
            alive = self.run.alive  # before the events, so that the last ones are among them
            events, offset = self.run.any_events(self._offset)
            state = self._judge([*self._ends(), *events], alive)
            if state == "cut off" and not self.started and (why := last_error(self.run.path)):
                events, state = [*events, Failed(message=why)], "failed"
            return _News(
                events,
                offset,
                state,
                _Asked(self.run.stop_requested, self.run.pause_requested, requests),
                self.run.model_file.exists(),
                *self._read_views(),
            )

        self._worker.submit(read, self._take, self._lost)

    def _read_views(self) -> tuple[HeldOutViews | None, int]:
        written = 0
        with suppress(OSError):
            written = self.run.views_file.stat().st_mtime_ns
        if written == self._views_at:
            return self.views, written
        return read_views(self.run.views_file) or self.views, written

    def _ends(self) -> list[AnyEvent]:
        return [Failed(message=self.message)] if self.message else []

    def _judge(self, events: list[AnyEvent], alive: bool) -> TuningState:
        if self.finished or (events and isinstance(events[-1], Finished)):
            return "finished"
        if alive:
            return "running" if self.started or events else "starting"
        process = process_of(self.run.path)
        if process is not None and process.poll() is None:
            return "starting"
        if process is None and not self.started and not events and self._is_young():
            return "starting"  # by another viewer
        return "failed" if events and isinstance(events[-1], Failed) else "cut off"

    def _is_young(self) -> bool:
        with suppress(OSError):
            begun = self.run.config_file.stat().st_mtime
            return time.time() - begun < _START_S
        return False

    def _take(self, news: _News) -> None:
        self._busy, self._offset = False, news.offset
        for event in news.events:
            self._note(event)
        before = self._status
        self.state = news.state
        if news.asked.since == self._requests:  # else it was read ahead of a request
            self.stopping, self.paused, _ = news.asked
        self.has_model, self.views, self._views_at = news.has_model, news.views, news.views_at
        if news.events or before != self._status:
            self.changed.emit()

    @property
    def _status(self) -> tuple[object, ...]:
        return self.state, self.stopping, self.paused, self.has_model, self._views_at

    def _lost(self, error: Exception) -> None:
        self._busy = False
        self.state, self.message = "failed", str(error)
        self.changed.emit()

    def _note(self, event: AnyEvent) -> None:
        if isinstance(event, Started | TrainingStarted):
            self.started, self.message = event, ""
        elif isinstance(event, Progress):
            self.last = event
            if event.loss is not None:
                self.losses.append((event.seconds, event.loss))
            if event.dice:
                self.dices.append((event.seconds, event.dice))
        elif isinstance(event, Finished):
            self.finished = event
        else:
            self.message = event.message

    # What it is, in words

    @property
    def about(self) -> str:
        """What trains, from what, and for how long; "" until that is known."""
        match self.started:
            case Started() as one:
                split = one.split
                return (
                    f"From {one.parent}, {one.config.budget}: {split.n_training} {one.unit} train, "
                    f"{split.n_held_out} held out."
                )
            case TrainingStarted() as one:
                return (
                    f"{one.config.name}, {one.config.budget}: {one.parameters / 1e6:.1f} million "
                    f"weights, {len(one.training)} cases train, {len(one.held_out)} held out."
                )
        return ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        return self.started.notes if isinstance(self.started, Started) else ()

    @property
    def before(self) -> dict[str, float] | None:
        """Dice of the model that it started from, where that has one."""
        return self.started.before if isinstance(self.started, Started) else None

    @property
    def proposed_name(self) -> str:
        """A name for what comes out; "" until it has started."""
        match self.started:
            case Started(time=time, parent=parent):
                return f"{parent[:50]} fine-tuned {time[:10]} {time[11:16].replace(':', '.')}"
            case TrainingStarted(config=config):
                return config.name
        return ""

    # What a person decides

    def stop(self, failed: Callable[[Exception], None]) -> None:
        """Ask the run to finish with what it has."""
        self.stopping = True
        self._request(self.run.request_stop, failed)

    def pause(self, failed: Callable[[Exception], None]) -> None:
        """Ask the run to wait, its budget with it; or to go on, if it waits."""
        self.paused = not self.paused
        ask = self.run.request_pause if self.paused else self.run.forget_requests
        self._request(ask, failed)

    def _request(self, ask: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        self._requests += 1
        self._worker.submit(lambda task: ask(), lambda _: self.poll(), failed)

    def go_on(self, failed: Callable[[Exception], None]) -> None:
        """Start a run again that was cut off or failed; it goes on where it saved itself."""

        def work(task: Task) -> None:
            self.run.control_file.unlink(missing_ok=True)
            launch(config_of(self.run), self.run.path)

        def launched(_: None) -> None:
            self.message = ""
            self.state = "starting"
            self.changed.emit()

        self._worker.submit(work, launched, failed)

    def keep(
        self,
        name: str,
        done: Callable[[Kept], None],
        failed: Callable[[Exception], None],
        *,
        beside: bool = False,
    ) -> None:
        """Make the run's model one of the user's own, and clear the run away.

        Parameters
        ----------
        name : str
        done, failed : callable
            One of them is told.
        beside : bool
            Whether the default stays as it is, however good the model.
        """

        def work(task: Task) -> Kept:
            kept = keep(self.run, name, beside=beside)
            remove_run(self.run.path)
            return kept

        self._worker.submit(work, done, failed)

    def discard(self, done: Callable[[None], None], failed: Callable[[Exception], None]) -> None:
        """Clear the run away with its model."""
        self._worker.submit(lambda task: remove_run(self.run.path), done, failed)
