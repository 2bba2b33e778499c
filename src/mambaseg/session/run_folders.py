"""Where runs that nobody has decided on lie, and how their processes are started."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

from platformdirs import user_data_path

from mambaseg.files import write_whole
from mambaseg.session.new_training import NewTraining, train_command
from mambaseg.training import FineTuningConfig, Run, finetune_command
from mambaseg.types.errors import MambasegError, OutputError, TrainingError

__all__ = [
    "config_of",
    "last_error",
    "launch",
    "open_runs",
    "process_of",
    "remove_run",
    "runs_folder",
    "start_run",
]

_ERROR = "mambaseg: error: "  # as the shell says it

# Kept for as long as this process lives, so that no process that has ended stays a zombie.
_processes: dict[Path, subprocess.Popen[bytes]] = {}


def runs_folder() -> Path:
    """Folder of the runs that nobody has decided on yet; it may not exist."""
    return user_data_path("mambaseg", appauthor=False) / "runs"


def open_runs() -> list[Path]:
    """List the folders of runs that were neither kept nor discarded, the newest first."""
    return sorted((path.parent for path in runs_folder().glob("*/config.json")), reverse=True)


def start_run(config: FineTuningConfig | NewTraining) -> Path:
    """Start a run as a process that goes on without this one; gives the run's folder.

    Raises
    ------
    OutputError
        If its folder cannot be written.
    """
    folder = runs_folder() / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    with write_whole(Run(folder).config_file) as temporary:
        temporary.write_text(config.model_dump_json(indent=2), encoding="utf-8")
    launch(config, folder)
    return folder


def launch(config: FineTuningConfig | NewTraining, folder: Path) -> subprocess.Popen[bytes]:
    """Start a run's process, anew or to go on, and give it; raises as `start_run`."""
    if isinstance(config, NewTraining):
        command = train_command(config, folder)
    else:
        command = finetune_command(config, folder)
    run = Run(folder)
    try:
        run.config_file.touch()  # when it was started last
        with run.log_file.open("ab") as log:
            _processes[folder] = subprocess.Popen(  # noqa: S603 - our own command
                command,
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
    return _processes[folder]


def config_of(run: Run) -> FineTuningConfig | NewTraining:
    """Read what a run was asked for; raises TrainingError if that is lost."""
    path = run.config_file
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        form = NewTraining if "recipe" in content else FineTuningConfig
        return form.parse(content, str(path))
    except (OSError, ValueError, TypeError, MambasegError) as error:
        raise TrainingError(
            f"{path} is missing or damaged, so the run cannot go on: discard it and start again."
        ) from error


def process_of(folder: Path) -> subprocess.Popen[bytes] | None:
    """Give the process of a run that this process started."""
    return _processes.get(folder)


def last_error(folder: Path) -> str:
    """Give the error with which a run's process ended before the run began; "" if with none."""
    try:
        lines = Run(folder).log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.partition(_ERROR)[2] for line in lines if line.startswith(_ERROR)]
    return said[-1] if said else ""


def remove_run(folder: Path) -> None:
    """Remove a run's folder with its model; raises OutputError."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be removed: {error.strerror or error}. Remove it by hand."
        ) from error
    _processes.pop(folder, None)
