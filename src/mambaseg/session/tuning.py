"""A fine-tuning run as a panel follows it, in a process of its own that outlives the viewer."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path
from psygnal import Signal

from mambaseg.files import write_whole
from mambaseg.session.worker import Task, Worker
from mambaseg.training import FineTuningConfig, Kept, Run, finetune_command, keep
from mambaseg.training.events import Failed, Finished, Progress, RunEvent, Started
from mambaseg.types.errors import MambasegError, OutputError, TrainingError

__all__ = ["Tuning", "TuningState", "open_runs", "runs_folder", "start_run"]

TuningState = Literal["starting", "running", "finished", "failed", "cut off"]

_START_S = 90.0  # loading torch on a busy machine takes a while

# Kept for as long as this process lives, so that no process that has ended stays a zombie.
_processes: dict[Path, subprocess.Popen[bytes]] = {}


def runs_folder() -> Path:
    """Folder of the runs that nobody has decided on yet; it may not exist."""
    return user_data_path("mambaseg", appauthor=False) / "runs"


def open_runs() -> list[Path]:
    """List the folders of runs that were neither kept nor discarded, the newest first."""
    return sorted((path.parent for path in runs_folder().glob("*/config.json")), reverse=True)


def start_run(config: FineTuningConfig) -> Path:
    """Start a run as a process that goes on without this one; gives the run's folder.

    Raises
    ------
    OutputError
        If its folder cannot be written.
    """
    folder = runs_folder() / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    with write_whole(folder / "config.json") as temporary:
        temporary.write_text(config.model_dump_json(indent=2), encoding="utf-8")
    _launch(config, folder)
    return folder


def _launch(config: FineTuningConfig, folder: Path) -> None:
    try:
        (folder / "config.json").touch()  # when it was started last
        with (folder / "log.txt").open("ab") as log:
            _processes[folder] = subprocess.Popen(  # noqa: S603 - our own command
                finetune_command(config, folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # on Windows without effect
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except OSError as error:
        raise OutputError(
            f"The training cannot be started in {folder}: {error.strerror or error}. Make room, "
            "and try again."
        ) from error


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
    started : Started or None
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
    """

    changed = Signal()

    def __init__(self, folder: Path, worker: Worker) -> None:
        self.run = Run(folder)
        self.state: TuningState = "starting"
        self.stopping = self.has_model = False
        self.message = ""
        self._worker, self._busy = worker, False
        self._forget()

    def _forget(self) -> None:
        self._offset = 0
        self.started: Started | None = None
        self.finished: Finished | None = None
        self.last: Progress | None = None
        self.losses: list[tuple[float, float]] = []
        self.dices: list[tuple[float, dict[str, float]]] = []

    def poll(self) -> None:
        """Have the news read; `changed` tells when there are any. At most one call waits."""
        if self._busy:
            return
        self._busy = True

        def read(task: Task) -> tuple[list[RunEvent], int, TuningState, bool, bool]:
            alive = self.run.alive  # before the events, so that the last ones are among them
            events, offset = self.run.events(self._offset)
            state = self._judge([*self._ends(), *events], alive)
            return events, offset, state, self.run.stop_requested, self.run.model_file.exists()

        self._worker.submit(read, self._take, self._lost)

    def _ends(self) -> list[RunEvent]:
        return [Failed(message=self.message)] if self.message else []

    def _judge(self, events: list[RunEvent], alive: bool) -> TuningState:
        if self.finished or (events and isinstance(events[-1], Finished)):
            return "finished"
        if alive:
            return "running" if self.started or events else "starting"
        process = _processes.get(self.run.path)
        if process is not None and process.poll() is None:
            return "starting"
        if process is None and not self.started and not events and self._is_young():
            return "starting"  # by another viewer
        return "failed" if events and isinstance(events[-1], Failed) else "cut off"

    def _is_young(self) -> bool:
        with suppress(OSError):
            begun = (self.run.path / "config.json").stat().st_mtime
            return time.time() - begun < _START_S
        return False

    def _take(self, news: tuple[list[RunEvent], int, TuningState, bool, bool]) -> None:
        events, self._offset, state, stopping, has_model = news
        self._busy = False
        for event in events:
            self._note(event)
        status = (state, stopping, has_model)
        if events or status != (self.state, self.stopping, self.has_model):
            self.state, self.stopping, self.has_model = status
            self.changed.emit()

    def _lost(self, error: Exception) -> None:
        self._busy = False
        self.state, self.message = "failed", str(error)
        self.changed.emit()

    def _note(self, event: RunEvent) -> None:
        if isinstance(event, Started):
            self.started, self.message = event, ""
        elif isinstance(event, Progress):
            self.last = event
            self.losses.append((event.seconds, event.loss))
            if event.dice:
                self.dices.append((event.seconds, event.dice))
        elif isinstance(event, Finished):
            self.finished = event
        else:
            self.message = event.message

    # What a person decides

    def stop(self, failed: Callable[[Exception], None]) -> None:
        """Ask the run to finish with what it has."""
        self.stopping = True
        self._worker.submit(lambda task: self.run.request_stop(), lambda _: self.poll(), failed)

    def go_on(self, failed: Callable[[Exception], None]) -> None:
        """Start a run again that was cut off or failed; it goes on where it saved itself."""

        def work(task: Task) -> None:
            self.run.control_file.unlink(missing_ok=True)
            _launch(_config_of(self.run), self.run.path)

        def launched(_: None) -> None:
            self.message = ""
            self.state = "starting"
            self.changed.emit()

        self._worker.submit(work, launched, failed)

    def keep(
        self, name: str, done: Callable[[Kept], None], failed: Callable[[Exception], None]
    ) -> None:
        """Make the run's model one of the user's own, and clear the run away."""

        def work(task: Task) -> Kept:
            kept = keep(self.run, name)
            _remove(self.run.path)
            return kept

        self._worker.submit(work, done, failed)

    def discard(self, done: Callable[[None], None], failed: Callable[[Exception], None]) -> None:
        """Clear the run away with its model."""
        self._worker.submit(lambda task: _remove(self.run.path), done, failed)


def _config_of(run: Run) -> FineTuningConfig:
    path = run.path / "config.json"
    try:
        return FineTuningConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, MambasegError) as error:
        raise TrainingError(
            f"{path} is missing or damaged, so the run cannot go on: discard it and start again."
        ) from error


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be removed: {error.strerror or error}. Remove it by hand."
        ) from error
    _processes.pop(folder, None)
