"""What watches over Lightning's loop: rate, budget, saving, validation, and the first NaN."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import lightning
import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mambaseg.training.events import Dice, Progress, Reason, mean_dice
from mambaseg.training.module import SegmentationModule
from mambaseg.training.run import Run
from mambaseg.training.run_state import Saved, Standing, save_state
from mambaseg.training.weight_groups import RATE_PART
from mambaseg.types.errors import TrainingError
from mambaseg.types.optimization import Budget

__all__ = ["Supervision"]

_EVENT_S, _SAVE_S, _PAUSE_S = 1.0, 15.0, 0.2
_FIRST_ESTIMATE = 10
"""Steps after which it can be said how long the others will take."""

S = TypeVar("S", bound=Standing)


class _Decision(NamedTuple):
    """What all processes do alike after a step."""

    spent: float
    reason: Reason | None
    validate: bool
    save: bool


class Supervision(lightning.Callback, Generic[S]):
    """Sets the rate, validates, saves, says how it is, and stops in time.

    Where several processes train together, the first one decides, writes and speaks.

    Parameters
    ----------
    run : Run
        Whose folder takes state and model.
    saved : Saved
        Where the run stands as it begins.
    budget : Budget
        In steps or minutes; epochs are given as steps.
    validations : int
        How often in the budget.
    validate : callable
        Gives the Dice of a network on what is held out, by class; empty where nothing is.
    tell : callable
        Takes `Progress`.
    begun : float
        `time.monotonic()` at which this process began with the run.
    seed : int
        Of what networks drop at random.
    first_validation_s : float
        Seconds of training after which the first one comes at the latest.
    """

    def __init__(
        self,
        run: Run,
        saved: Saved[S],
        *,
        budget: Budget,
        validations: int,
        validate: Callable[[nn.Module], Dice],
        tell: Callable[[Progress], None],
        begun: float,
        seed: int,
        first_validation_s: float = math.inf,
    ) -> None:
        self.seed, self._first_validation_s = seed, first_validation_s
        self.run, self.state, self._saved = run, saved.state, saved
        self.validate, self.tell, self.budget = validate, tell, budget
        self.reason: Reason = "steps"
        self.average: AveragedModel | None = None
        self._every = 1 / validations
        self._begun = begun - self.state.seconds
        self._losses: list[float] = []
        self._done = self._validation_cost = self._validated_at = 0.0
        self._next_event = self._next_save = self._fitting_since = 0.0
        self._spent = self._own_spent()
        self._next_validation = self._spent + self._every
        self._first_step = self.state.step

    @abstractmethod
    def judge(self, network: nn.Module, dice: Dice) -> Reason | None:
        """Keep weights that were validated or not; gives why to end now, if so."""

    @property
    def seconds(self) -> float:
        """Time that the run has taken so far, breaks and pauses left out."""
        return time.monotonic() - self._begun

    def _own_spent(self) -> float:
        parts = [0.0]
        if self.budget.steps is not None:
            parts.append(self.state.step / self.budget.steps)
        if self.budget.minutes is not None:
            parts.append(self.seconds / (60 * self.budget.minutes))
        return max(parts)

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        """Make the running average, give the optimizer what it knew, and set the first times."""
        decay = module.optimization.average_decay
        if decay:
            self.average = AveragedModel(
                module.network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True
            )
            if self._saved.average:
                self.average.load_state_dict(self._saved.average)
        optimizer = trainer.optimizers[0]
        if self._saved.moments:
            optimizer.load_state_dict(
                {**optimizer.state_dict(), "state": dict(self._saved.moments)}
            )
        self._fitting_since = self._validated_at = self.seconds
        self._next_save = self.seconds + _SAVE_S

    def on_train_batch_start(
        self, trainer: lightning.Trainer, module: Any, batch: Any, index: int
    ) -> None:
        """Set the rate, and the seed, so that a run that goes on does as one that was not cut."""
        o = module.optimization
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = o.learning_rate * o.schedule.rate(self._spent) * group[RATE_PART]
        piece = index % trainer.accumulate_grad_batches
        place = [self.seed, self.state.step, piece, trainer.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def on_before_backward(
        self, trainer: lightning.Trainer, module: Any, loss: torch.Tensor
    ) -> None:
        """Refuse a loss that is no number; raises as below."""
        self._check_number("loss", loss)

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, module: Any, optimizer: torch.optim.Optimizer
    ) -> None:
        """Refuse a step whose gradient is no number, so that the weights stay those before it.

        Raises
        ------
        TrainingError
            Naming the step.
        """
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        if gradients:
            self._check_number("gradient", torch.nn.utils.get_total_norm(gradients))

    def _check_number(self, what: str, value: torch.Tensor) -> None:
        # Lightning's own count of steps begins anew in a run that goes on.
        if not torch.isfinite(value):
            raise TrainingError(
                f"The {what} is not a number at step {self.state.step}: the training diverged. "
                "Try a lower learning rate; what was kept before that step is left."
            )

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        """Say how it is, validate and save when it is time, and see whether to stop."""
        if module.last_loss is not None:
            self._losses.append(module.last_loss)
        if (index + 1) % trainer.accumulate_grad_batches:
            return
        self.state = self.state.model_copy(update={"step": self.state.step + 1})
        if self.average is not None:
            self.average.update_parameters(module.network)
        decision: _Decision = trainer.strategy.broadcast(self._decide(trainer))
        self._spent = decision.spent
        if decision.reason is not None:
            self.reason = decision.reason
            trainer.should_stop = True
        if decision.validate:
            self._validate(trainer, module)
        elif decision.save and trainer.is_global_zero:
            self._save(module, trainer.optimizers[0])
        elif self._may_speak(trainer):
            self._say(None)

    def _decide(self, trainer: lightning.Trainer) -> _Decision:
        if trainer.is_global_zero:
            self._wait_while_paused()
        spent, budget = self._own_spent(), self.budget
        reason: Reason | None = None
        if budget.steps is not None and self.state.step >= budget.steps:
            reason = "steps"
        elif budget.minutes is not None:
            # What is left must do for the last validation.
            over = self.seconds + 1.5 * self._validation_cost >= 60 * budget.minutes
            reason = "time" if over else None
        if self.run.stop_requested:
            reason = reason or "stopped"
        since = self.seconds - self._validated_at
        first = not self._validation_cost and since >= self._first_validation_s
        due = first or spent >= self._next_validation
        validate = reason is not None or (due and since >= 4 * self._validation_cost)
        return _Decision(spent, reason, validate, self.seconds >= self._next_save)

    def _wait_while_paused(self) -> None:
        start = time.monotonic()
        while self.run.pause_requested:
            time.sleep(_PAUSE_S)
        self._begun += time.monotonic() - start if time.monotonic() - start > _PAUSE_S else 0.0

    def _may_speak(self, trainer: lightning.Trainer) -> bool:
        known = self.budget.minutes is not None or self._steps_here >= _FIRST_ESTIMATE
        return trainer.is_global_zero and known and self.seconds >= self._next_event

    @property
    def _steps_here(self) -> int:
        return self.state.step - self._first_step

    def _seconds_left(self) -> float:
        left = []
        if self.budget.minutes is not None:
            left.append(60 * self.budget.minutes - self.seconds)
        if self.budget.steps is not None:
            each = (self.seconds - self._fitting_since) / max(self._steps_here, 1)
            left.append(each * (self.budget.steps - self.state.step))
        return max(min(left, default=0.0), 0.0)

    def _say(self, dice: Dice | None) -> None:
        loss = sum(self._losses) / len(self._losses) if self._losses else None
        self._losses.clear()
        self.tell(
            Progress(
                step=self.state.step,
                loss=loss,
                seconds=round(self.seconds, 2),
                seconds_left=round(self._seconds_left(), 2),
                dice=dice or None,
                kept=mean_dice(self.state.kept) if self.state.kept else None,
            ),
        )
        self._next_event = self.seconds + _EVENT_S

    def _validate(self, trainer: lightning.Trainer, module: SegmentationModule) -> None:
        start, reason = self.seconds, None
        if trainer.is_global_zero:
            network = self.network(module)
            network.eval()
            dice = self.validate(network)
            reason = self.judge(network, dice)
            module.network.train()
            self._validation_cost = self.seconds - start
            self._save(module, trainer.optimizers[0])
            self._say(dice)
        reason = trainer.strategy.broadcast(reason)
        if reason is not None and not trainer.should_stop:
            self.reason = reason
            trainer.should_stop = True
        self._validated_at = self.seconds
        self._next_validation = self._spent + self._every

    def network(self, module: SegmentationModule) -> nn.Module:
        """Give the network whose weights are validated and kept."""
        if self.average is None:
            return module.network
        network: nn.Module = self.average.module
        return network

    def _save(self, module: SegmentationModule, optimizer: torch.optim.Optimizer) -> None:
        self.state = self.state.model_copy(update={"seconds": self.seconds})
        save_state(self.run.state_file, self.state, module.network, optimizer, self.average)
        self._next_save = self.seconds + _SAVE_S
