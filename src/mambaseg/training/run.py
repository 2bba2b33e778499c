"""A run as seen from another process: follow it, and stop it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from mambaseg.files import write_whole
from mambaseg.training.events import (
    AnyEvent,
    Failed,
    Finished,
    RunEvent,
    TrainingEvent,
    read_any_events,
    read_events,
    read_training_events,
)
from mambaseg.types.errors import OutputError, TrainingError
from mambaseg.types.finetuning_config import FineTuningConfig

__all__ = ["Run", "finetune_command"]

_STOP, _PAUSE = "stop", "pause"


class Run:
    """The folder of a run.

    It holds `events.jsonl` (what the run says), `control` (what it is asked),
    `model.safetensors` (of a fine-tuning the latest weights that are better than
    the parent's, of a training the best ones, always whole),
    `state.safetensors` and, where its parent's predictions are replayed, `replay.safetensors`
    (all that it needs to go on), `views.npz` (what the networks of a fine-tuning find on a few
    held-out frames) and `lock`, which the process that runs holds; where a viewer has started it,
    `config.json` (what it was asked for) and `log.txt` (what its process prints), too.

    Parameters
    ----------
    path : path-like
        It may not exist yet.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.events_file = self.path / "events.jsonl"
        self.control_file = self.path / "control"
        self.model_file = self.path / "model.safetensors"
        self.state_file = self.path / "state.safetensors"
        self.replay_file = self.path / "replay.safetensors"
        self.views_file = self.path / "views.npz"
        self.lock_file = self.path / "lock"
        self.config_file = self.path / "config.json"
        self.log_file = self.path / "log.txt"

    def events(self, offset: int = 0) -> tuple[list[RunEvent], int]:
        """Read the events from `offset` on; gives them, and the next offset."""
        return read_events(self.events_file, offset)

    def training_events(self, offset: int = 0) -> tuple[list[TrainingEvent], int]:
        """Read the events of a training from scratch; as `events`."""
        return read_training_events(self.events_file, offset)

    def any_events(self, offset: int = 0) -> tuple[list[AnyEvent], int]:
        """Read the events of a run of either kind; as `events`."""
        return read_any_events(self.events_file, offset)

    @property
    def outcome(self) -> Finished | Failed | None:
        """The last event, where it ended the run."""
        events, _ = self.events()
        last = events[-1] if events else None
        return last if isinstance(last, Finished | Failed) else None

    @property
    def alive(self) -> bool:
        """Whether a process is running it now.

        A run that is neither alive nor finished was cut off; the command that
        started it goes on with it.
        """
        if not self.lock_file.exists():
            return False
        try:
            with FileLock(self.lock_file, timeout=0):
                return False
        except (Timeout, OSError):
            return True

    @property
    def stop_requested(self) -> bool:
        """Whether a stop was asked for."""
        return self._asked == _STOP

    @property
    def pause_requested(self) -> bool:
        """Whether it was asked to wait."""
        return self._asked == _PAUSE

    @property
    def _asked(self) -> str:
        try:
            return self.control_file.read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def request_stop(self) -> None:
        """Ask the run to finish with what it has; it does so within a step.

        Raises
        ------
        OutputError
            If the request cannot be written.
        """
        self._ask(_STOP)

    def request_pause(self) -> None:
        """Ask the run to wait, its budget with it, until `forget_requests`; raises as above."""
        self._ask(_PAUSE)

    def forget_requests(self) -> None:
        """Let the run go on that was asked to wait, or that is to go on after a stop."""
        with suppress(OSError):
            self.control_file.unlink(missing_ok=True)

    def _ask(self, what: str) -> None:
        with write_whole(self.control_file) as temporary:
            temporary.write_text(what + "\n", encoding="utf-8")

    def _check_folder(self) -> None:
        """Refuse to begin in a folder that holds something else, which its files would get lost in.

        What a viewer wrote ahead of the run's process is none of that.
        """
        if self.events_file.exists() or self.state_file.exists():
            return
        ours = {self.lock_file, self.control_file, self.config_file, self.log_file}
        for file in sorted(self.path.iterdir()):
            if file not in ours and not file.name.startswith("."):
                raise OutputError(
                    f"{self.path} holds {file.name!r} and is no folder of a run: choose one that "
                    "is new or empty."
                )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Hold the lock of the process that runs it.

        Raises
        ------
        TrainingError
            If another process runs it.
        OutputError
            If the folder cannot be written to, or holds something else.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._check_folder()
            lock = FileLock(self.lock_file, timeout=0.5)  # a viewer may just be asking
            lock.acquire()
        except Timeout as error:
            raise TrainingError(
                f"Another process is already training in {self.path}: wait for it, stop it, or "
                "choose another folder."
            ) from error
        except OSError as error:
            raise OutputError(
                f"Cannot write into the run's folder {self.path}: {error.strerror or error}. "
                "Choose a folder that you may write to."
            ) from error
        try:
            for leftover in self.path.glob(".partial-*"):  # of a process that was killed
                if not leftover.name.endswith(f"-{self.control_file.name}"):  # a viewer's
                    with suppress(OSError):
                        leftover.unlink()
            yield
        finally:
            lock.release()


def finetune_command(
    config: FineTuningConfig, run: str | os.PathLike[str], *, device: str = "auto"
) -> list[str]:
    """Give the shell's command for a run, to start as a process of its own."""
    command = [sys.executable, "-m", "mambaseg.cli", "finetune", config.model]
    command += ["--data", config.data, "--run", os.fspath(run)]
    for name, value in config.budget.model_dump(exclude_none=True).items():
        command += [f"--{name}", str(value)]
    command += ["--replay", str(config.replay)]
    command += ["--trains", config.trains, "--layer-decay", str(config.layer_decay)]
    command += ["--seed", str(config.seed), "--device", device]
    if config.name is not None:
        command += ["--name", config.name]
    if config.held_out is not None:
        frames = [f"{case}:{','.join(map(str, held))}" for case, held in config.held_out.items()]
        command += ["--held-out", *(frames or ["none"])]
    return command
