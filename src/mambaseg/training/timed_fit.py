"""Lightning's training loop on a budget of minutes, saved so that a kill costs seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Literal

import lightning
import torch
from torch import Tensor
from torch.optim import AdamW

from mambaseg.training.events import Dice, Progress, RunEvent, mean_dice
from mambaseg.training.module import SegmentationModule
from mambaseg.training.run import Run
from mambaseg.training.run_model import write_run_model
from mambaseg.training.run_state import RunState, save_state

__all__ = ["TimedFit", "TimedModule", "rate_at"]

_WARM_UP = 0.05
_EVENT_S, _SAVE_S = 1.0, 15.0
_FIRST_VALIDATION_S = 20.0
_VALIDATIONS = 12


def rate_at(spent: float) -> float:
    """Give the learning rate, as a fraction of the highest, once `spent` (0 to 1) of the time is.

    It rises for a twentieth of the time and then falls as half a cosine, to a
    hundredth.
    """
    if spent < _WARM_UP:
        return max(spent / _WARM_UP, 0.01)
    done = min((spent - _WARM_UP) / (1 - _WARM_UP), 1.0)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2


class TimedModule(SegmentationModule):
    """The module of all training, its rate set from outside."""

    def configure_optimizers(self) -> Any:
        """AdamW on all weights."""
        o = self.optimization
        return AdamW(self.parameters(), lr=o.learning_rate, weight_decay=o.weight_decay)


class TimedFit(lightning.Callback):
    """Sets the rate by the clock, validates, saves, and stops in time.

    The model of the run is the latest weights that were validated as better than
    the parent's; all validated weights where there is nothing to compare.

    Parameters
    ----------
    run : Run
        Whose folder takes state and model.
    state : RunState
        Where the run stands as it begins.
    moments : dict
        What the optimizer knew when it was cut off.
    validate : callable
        Gives the Dice of the network on the held-out frames, by class; empty
        where there are none.
    tell : callable
        Takes events.
    begun : float
        `time.monotonic()` at which this process began with the run.
    """

    def __init__(
        self,
        run: Run,
        state: RunState,
        moments: dict[int, dict[str, Tensor]],
        validate: Callable[[], Dice],
        tell: Callable[[RunEvent], None],
        begun: float,
    ) -> None:
        self.run, self.state = run, state
        self.validate, self.tell = validate, tell
        self.reason: Literal["time", "stopped"] = "time"
        self._moments = moments
        self._begun = begun - state.seconds
        self._budget = 60 * state.config.minutes
        self._losses: list[float] = []
        self._validation_cost = 0.0
        self._next_event = self._next_validation = self._next_save = 0.0

    @property
    def seconds(self) -> float:
        """Time that the run has taken so far, breaks left out."""
        return time.monotonic() - self._begun

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        """Give the optimizer what it knew, and set the first times."""
        optimizer = trainer.optimizers[0]
        if self._moments:
            optimizer.load_state_dict({**optimizer.state_dict(), "state": self._moments})
        now = self.seconds
        self._next_validation = now + min(_FIRST_VALIDATION_S, self._budget / 8)
        self._next_save = now + _SAVE_S

    def on_train_batch_start(
        self, trainer: lightning.Trainer, module: Any, batch: Any, index: int
    ) -> None:
        """Set the rate by the time that is spent."""
        rate = self.state.config.learning_rate * rate_at(self.seconds / self._budget)
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        module: Any,
        outputs: Any,
        batch: Any,
        index: int,
    ) -> None:
        """Say how it is, validate and save when it is time, and see whether to stop."""
        self._losses.append(float(outputs["loss"]))
        self.state = self.state.model_copy(update={"step": self.state.step + 1})
        # What is left must do for the last validation.
        over = self.seconds + 1.5 * self._validation_cost >= self._budget
        if over or self.run.stop_requested:
            self.reason = "time" if over else "stopped"
            trainer.should_stop = True
        if trainer.should_stop or self.seconds >= self._next_validation:
            self._validate_and_save(module, trainer.optimizers[0])
        elif self.seconds >= self._next_save:
            self._save(module, trainer.optimizers[0])
        elif self.seconds >= self._next_event:
            self._say(None)

    def _say(self, dice: Dice | None) -> None:
        loss = sum(self._losses) / len(self._losses)
        self._losses.clear()
        self.tell(
            Progress(
                step=self.state.step,
                loss=loss,
                seconds=round(self.seconds, 2),
                seconds_left=round(max(self._budget - self.seconds, 0.0), 2),
                dice=dice or None,
                kept=mean_dice(self.state.kept) if self.state.kept else None,
            ),
        )
        self._next_event = self.seconds + _EVENT_S

    def _validate_and_save(self, module: Any, optimizer: torch.optim.Optimizer) -> None:
        start = self.seconds
        module.eval()
        dice = self.validate()
        module.train()
        before = self.state.before
        # Not the best so far: on a few held-out frames that is often a lucky one from early on.
        if not dice or before is None or mean_dice(dice) > mean_dice(before):
            self.state = self.state.model_copy(update={"kept": dice or None})
            write_run_model(self.run, self.state, module.network)
        self._validation_cost = self.seconds - start
        wait = max(self._budget / _VALIDATIONS, 5 * self._validation_cost)
        self._next_validation = self.seconds + wait
        self._save(module, optimizer)
        self._say(dice)

    def _save(self, module: Any, optimizer: torch.optim.Optimizer) -> None:
        self.state = self.state.model_copy(update={"seconds": self.seconds})
        save_state(self.run.state_file, self.state, module.network, optimizer)
        self._next_save = self.seconds + _SAVE_S
