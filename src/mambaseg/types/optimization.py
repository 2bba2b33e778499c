"""How a network's weights are changed: optimizer, rate, loss, batches and budget."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mambaseg.types.schema import Schema

__all__ = [
    "Batches",
    "Budget",
    "Constant",
    "Cosine",
    "Loss",
    "Optimization",
    "Poly",
    "Schedule",
    "Steps",
    "Trained",
    "Validation",
]

Trained = Literal["all", "decoder"]
"""Which weights of a network are changed."""


class Budget(Schema):
    """When a training ends: once the first of these is spent.

    Parameters
    ----------
    steps : int or None
        Updates of the weights.
    epochs : float or None
        Passes through the training cases.
    minutes : float or None
        Time; the scores on all that is held out come after it.
    """

    steps: int | None = Field(default=None, ge=1)
    epochs: float | None = Field(default=None, gt=0, le=10**6)
    minutes: float | None = Field(default=None, gt=0, le=365 * 24 * 60)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.steps is self.epochs is self.minutes is None:
            raise ValueError("give steps, epochs or minutes")
        return self

    def __str__(self) -> str:
        given = self.model_dump(exclude_none=True)
        return " or ".join(f"{value:,.10g} {unit}" for unit, value in given.items())

    def in_steps(self, cases: int, batch_size: int) -> Budget:
        """Give the same budget without epochs, for so many training cases or frames."""
        if self.epochs is None:
            return self
        steps = max(math.ceil(self.epochs * cases / batch_size), 1)
        return Budget(steps=min(steps, self.steps or steps), minutes=self.minutes)


class _Warm(Schema, ABC):
    warm_up: float = Field(default=0.0, ge=0, lt=1)

    def rate(self, spent: float) -> float:
        """Give the rate as a fraction of the highest, once `spent` (0 to 1) of the budget is."""
        if spent < self.warm_up:
            return max(spent / self.warm_up, 0.01)
        return self._after(min((spent - self.warm_up) / (1 - self.warm_up), 1.0))

    @abstractmethod
    def _after(self, done: float) -> float:
        """Give the rate when `done` (0 to 1) of what follows the warm-up is."""


class Cosine(_Warm):
    """A rate that rises over a first part and then falls as half a cosine.

    Parameters
    ----------
    warm_up : float
        Part of the budget over which it rises.
    lowest : float
        Where it ends, as a fraction of the highest.
    half_periods : float
        More than one: it goes up and down, as PyTorch's does beyond T_max.
    """

    shape: Literal["cosine"] = "cosine"
    warm_up: float = Field(default=0.1, ge=0, lt=1)
    lowest: float = Field(default=0.0, ge=0, le=1)
    half_periods: float = Field(default=1.0, gt=0)

    def _after(self, done: float) -> float:
        fall = (1 + math.cos(math.pi * done * self.half_periods)) / 2
        return self.lowest + (1 - self.lowest) * fall


class Poly(_Warm):
    """A rate that falls as a power of what is left of the budget, as nnU-Net's."""

    shape: Literal["poly"] = "poly"
    power: float = Field(default=0.9, gt=0)

    def _after(self, done: float) -> float:
        return float((1 - done) ** self.power)


class Steps(_Warm):
    """A rate that is multiplied by `factor` at each of some parts of the budget."""

    shape: Literal["steps"] = "steps"
    at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(min_length=1)
    factor: float = Field(default=0.1, gt=0)

    def _after(self, done: float) -> float:
        return float(self.factor ** sum(done >= at for at in self.at))


class Constant(_Warm):
    """A rate that stays."""

    shape: Literal["constant"] = "constant"

    def _after(self, done: float) -> float:
        return 1.0


Schedule = Annotated[Cosine | Poly | Steps | Constant, Field(discriminator="shape")]


class Optimization(Schema):
    """The optimizer, its rate, and what keeps it steady.

    Parameters
    ----------
    optimizer : {"adamw", "adam", "sgd"}
        SGD is with Nesterov's momentum; Adam's decay is added to the gradient (L2).
    learning_rate, weight_decay : float
        Highest rate, and decay.
    momentum : float
        Of SGD.
    schedule : Cosine, Poly, Steps or Constant
    gradient_clip : float or None
        Largest norm of the gradient.
    average_decay : float
        Decay of the running average of the weights (EMA) that is validated and kept; 0: none.
    precision : {"float32", "bf16"}
        Never half precision, under which these networks diverge.
    trains : {"all", "decoder"}
        Which weights are changed; "decoder" leaves the encoder as it is.
    layer_decay : float
        The rate of each level of the encoder as a part of that of the next deeper one.
    """

    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    momentum: float = Field(default=0.99, ge=0, lt=1)
    schedule: Schedule = Cosine()
    gradient_clip: float | None = Field(default=1.0, gt=0)
    average_decay: float = Field(default=0.99, ge=0, lt=1)
    precision: Literal["float32", "bf16"] = "float32"
    trains: Trained = "all"
    layer_decay: float = Field(default=1.0, gt=0, le=1)


class Loss(Schema):
    """What is made small: a sum of terms, each with its weight.

    Parameters
    ----------
    cross_entropy : float
        Over the classes of a softmax; for sigmoids and regions binary, of each by itself.
    dice, iou : float
        One minus the soft Dice coefficient, and the soft Jaccard index.
    structure : float
        Vivim's: binary cross-entropy, and IoU that counts more near outlines.
    edge : float
        Of a network with an edge head: balanced binary cross-entropy of the masks' outlines.
    pooled : bool
        Whether `dice` and `iou` are of all samples of a batch together, or each by itself.
    smooth : float
        Added to numerator and denominator of `dice` and `iou`.
    centre_frame : bool
        Whether a clip teaches by its middle frame alone, or by all that have labels.
    """

    cross_entropy: float = Field(default=1.0, ge=0)
    dice: float = Field(default=1.0, ge=0)
    iou: float = Field(default=0.0, ge=0)
    structure: float = Field(default=0.0, ge=0)
    edge: float = Field(default=0.0, ge=0)
    pooled: bool = True
    smooth: float = Field(default=1e-5, gt=0)
    centre_frame: bool = False

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not any((self.cross_entropy, self.dice, self.iou, self.structure)):
            raise ValueError("give cross_entropy, dice, iou or structure a weight")
        return self


class Batches(Schema):
    """What an update of the weights sees.

    Parameters
    ----------
    size : int
        Samples in an update, over all processes.
    at_once : int or None
        Samples that a device sees at once, as many as fit its memory; their gradients are
        summed until the batch is whole. None: all.
    foreground : float
        Part of the samples that are cut around an annotated object; the others lie anywhere.
    """

    size: int = Field(default=2, ge=1)
    at_once: int | None = Field(default=None, ge=1)
    foreground: float = Field(default=1 / 3, ge=0, le=1)


class Validation(Schema):
    """How often held-out data are segmented, and what follows from it.

    While a training goes on these are a few of the cases; in the end, all of them.

    Parameters
    ----------
    times : int
        In the whole training, its end included.
    keep : {"last", "best"}
        Which weights become the model: the last ones, so that the held-out data choose
        nothing, or those of the best validation, whose score flatters a little.
    patience : int or None
        Validations without a better one after which the training ends; None: it goes on.
    """

    times: int = Field(default=8, ge=1)
    keep: Literal["last", "best"] = "last"
    patience: int | None = Field(default=None, ge=1)
