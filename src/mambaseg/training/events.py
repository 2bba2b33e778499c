"""What a run says while it runs: lines of JSON that another process follows."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mambaseg.training.score_changes import ScoreChange
from mambaseg.training.split import FrameSplit
from mambaseg.types.errors import OutputError
from mambaseg.types.finetuning_config import FineTuningConfig
from mambaseg.types.training_config import TrainingConfig

__all__ = [
    "AnyEvent",
    "Dice",
    "Failed",
    "Finished",
    "Progress",
    "Reason",
    "RunEvent",
    "Started",
    "TrainingEvent",
    "TrainingStarted",
    "append_event",
    "dice_words",
    "loss_words",
    "mean_dice",
    "read_any_events",
    "read_events",
    "read_training_events",
]

Reason = Literal["time", "steps", "stopped", "no better"]
"""Why a run ended: its budget was spent, a stop was asked for, or it got no better."""

Dice = dict[str, float]
"""Mean Dice over the held-out frames, by class name."""


def mean_dice(dice: Dice) -> float:
    """Give the mean over classes."""
    return sum(dice.values()) / len(dice)


def dice_words(dice: Dice) -> str:
    """Name each class with its Dice."""
    return ", ".join(f"{name} {value:.3f}" for name, value in dice.items())


def loss_words(loss: float | None) -> str:
    """Say what a loss is, if there is one."""
    return "no loss yet" if loss is None else f"loss {loss:.3f}"


class _Event(BaseModel):
    # A newer mambaseg may say more; what is known is still read.
    model_config = ConfigDict(frozen=True, extra="ignore")

    time: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))


class Started(_Event):
    """The run has begun, or gone on after it was cut off.

    Parameters
    ----------
    pid : int
        Process that runs.
    config : FineTuningConfig
    parent, parent_sha256 : str
        The model that it starts from.
    split : FrameSplit
        Frames that train and that are held out.
    unit : str
        What they are: "frames", "slices", "images", "clips" or "volumes".
    new_weights : tuple of str
        Weights that start untrained, because the classes are not the parent's.
    before : dict of str to float, or None
        The parent's Dice; None where nothing is held out or its classes are others.
    notes : tuple of str
        What the user should know, one sentence each.
    resumed : bool
    """

    event: Literal["started"] = "started"
    pid: int
    config: FineTuningConfig
    parent: str
    parent_sha256: str
    split: FrameSplit
    unit: str = "frames"
    new_weights: tuple[str, ...] = ()
    before: Dice | None = None
    notes: tuple[str, ...] = ()
    resumed: bool = False


class TrainingStarted(_Event):
    """A training from scratch has begun, or gone on after it was cut off.

    Parameters
    ----------
    pid : int
        Process that runs.
    config : TrainingConfig
    training, held_out : tuple of str
        Cases, or stretches of clips.
    parameters : int
        Of the network.
    resumed : bool
    memory : str
        What of it is needed and free, and where it does not fit what to change.
    """

    event: Literal["training started"] = "training started"
    pid: int
    config: TrainingConfig
    training: tuple[str, ...]
    held_out: tuple[str, ...]
    parameters: int
    resumed: bool = False
    memory: str = ""


class Progress(_Event):
    """How the training is: about once a second, and after each validation.

    Parameters
    ----------
    step : int
        Updates so far.
    loss : float or None
        Mean since the last event; None where nothing that it saw was annotated.
    seconds, seconds_left : float
        Since the start, cut-off time left out, and until the budget is spent.
    dice : dict of str to float, or None
        Of these weights, where they were just validated.
    kept : float or None
        Mean Dice of the weights in `model.safetensors`: the latest that were better
        than the parent's.
    """

    event: Literal["progress"] = "progress"
    step: int
    loss: float | None
    seconds: float
    seconds_left: float
    dice: Dice | None = None
    kept: float | None = None


class Finished(_Event):
    """The run is over, and `model` is what came of it.

    Parameters
    ----------
    reason : {"time", "steps", "stopped", "no better"}
        Whether the budget was spent, a stop was asked for, or it got no better for long.
    step : int
        Updates in all.
    before, after : dict of str to float, or None
        The parent's Dice and the model's on the held-out frames.
    improved : bool or None
        Whether the mean Dice rose; None where it cannot be said. Where it did
        not rise, `model` holds the parent's weights.
    changes : tuple of ScoreChange
        Before and after of each class, with intervals; empty where one of the two is missing.
    model, sha256 : str
        Path and SHA-256 of the model.
    """

    event: Literal["finished"] = "finished"
    reason: Reason
    step: int
    before: Dice | None = None
    after: Dice | None = None
    improved: bool | None = None
    changes: tuple[ScoreChange, ...] = ()
    model: str
    sha256: str


class Failed(_Event):
    """The run could not go on; `message` says why and what to do."""

    event: Literal["failed"] = "failed"
    message: str


RunEvent = Started | Progress | Finished | Failed
"""What a fine-tuning run says."""

TrainingEvent = TrainingStarted | Progress | Finished | Failed
"""What a training from scratch says."""

AnyEvent = Started | TrainingStarted | Progress | Finished | Failed
"""What a run of either kind says."""

_EVENTS: TypeAdapter[RunEvent] = TypeAdapter(Annotated[RunEvent, Field(discriminator="event")])
_TRAINING: TypeAdapter[TrainingEvent] = TypeAdapter(
    Annotated[TrainingEvent, Field(discriminator="event")]
)
_ANY: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="event")])
E = TypeVar("E")


def append_event(path: Path, event: RunEvent | TrainingEvent) -> None:
    """Add one line to a file of events.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    line = (event.model_dump_json() + "\n").encode()
    try:
        with path.open("ab+") as file:
            # A process that was killed may have left half a line.
            if file.seek(0, os.SEEK_END) and _last_byte(file) != b"\n":
                line = b"\n" + line
            file.write(line)
    except OSError as error:
        raise OutputError(
            f"Cannot write {path}: {error.strerror or error}. Make room, and start the same "
            "command again to go on."
        ) from error


def _last_byte(file: Any) -> bytes:
    file.seek(-1, os.SEEK_END)
    last: bytes = file.read(1)
    return last


def read_events(path: Path, offset: int = 0) -> tuple[list[RunEvent], int]:
    """Read the events of a fine-tuning run from a place in the file on.

    Parameters
    ----------
    path : Path
        It may not exist yet.
    offset : int
        Where the last call ended; 0 for the beginning.

    Returns
    -------
    events : list of RunEvent
        Lines that are damaged or unknown are passed over.
    offset : int
        For the next call; a line that is not finished is left for it.
    """
    return _read(path, offset, _EVENTS)


def read_training_events(path: Path, offset: int = 0) -> tuple[list[TrainingEvent], int]:
    """Read the events of a training from scratch; as `read_events`."""
    return _read(path, offset, _TRAINING)


def read_any_events(path: Path, offset: int = 0) -> tuple[list[AnyEvent], int]:
    """Read the events of a run of either kind; as `read_events`."""
    return _read(path, offset, _ANY)


def _read(path: Path, offset: int, adapter: TypeAdapter[E]) -> tuple[list[E], int]:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            text = file.read()
    except OSError:
        return [], offset
    whole = text[: text.rfind(b"\n") + 1]
    events = []
    for line in whole.splitlines():
        try:
            events.append(adapter.validate_python(json.loads(line)))
        except (ValueError, ValidationError):
            continue
    return events, offset + len(whole)
