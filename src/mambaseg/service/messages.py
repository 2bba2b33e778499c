"""What the viewer's process and the one that computes say to each other.

Elements of arrays never go this way: they lie in the slots of a `SharedBlock`.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mambaseg.inference.options import Options
from mambaseg.service.events import JobEvent, Ready
from mambaseg.service.slots import Slots
from mambaseg.types import MedicalImage, errors
from mambaseg.types.trained_model import TrainedModel

__all__ = [
    "Answer",
    "ArrayStub",
    "Began",
    "Do",
    "Ended",
    "Hello",
    "LabelsCome",
    "Piece",
    "PieceTaken",
    "PlaneRead",
    "PlaneWanted",
    "Question",
    "SlotsHeld",
    "Stop",
    "Told",
    "portable",
]


@dataclass(frozen=True)
class ArrayStub:
    """What is known of an array whose elements are elsewhere.

    Parameters
    ----------
    shape : tuple of int
        Channel first.
    dtype : numpy.dtype
        Of its elements.
    order : tuple of int
        Its axes from the slowest to the fastest in memory, which sums over it may depend on.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError("only the shape of this array is here, not its elements")

    @classmethod
    def of(cls, array: Any) -> ArrayStub:
        """Describe an array."""
        order = tuple(range(array.ndim))
        if isinstance(array, np.ndarray):
            order = tuple(sorted(order, key=lambda axis: (-abs(array.strides[axis]), axis)))
        return cls(tuple(map(int, array.shape)), np.dtype(array.dtype), order)


# To the process that computes


@dataclass(frozen=True)
class Do:
    """Run a job; the image's array is an ArrayStub, whose planes may be asked for."""

    number: int
    image: MedicalImage
    model: TrainedModel
    device: str
    options: Options
    memory: str
    planes: Slots
    labels: Slots


@dataclass(frozen=True)
class Stop:
    """Cancel a job, if it runs."""

    number: int


@dataclass(frozen=True)
class PlaneRead:
    """A plane lies in its slot, or could not be read."""

    number: int
    plane: int
    slot: int
    error: Exception | None


@dataclass(frozen=True)
class PieceTaken:
    """A slot may be filled with labels again."""

    number: int
    slot: int


@dataclass(frozen=True)
class Question:
    """Something that is answered while a job runs, too."""

    number: int
    what: Literal["estimate", "models", "memory", "release"]
    arguments: tuple[Any, ...] = ()


# From the process that computes


@dataclass(frozen=True)
class Hello:
    """It is ready for jobs."""

    ready: Ready


@dataclass(frozen=True)
class SlotsHeld:
    """It holds the job's slots, whose names are no longer needed."""


@dataclass(frozen=True)
class Began:
    """A job begins; device and backend in words."""

    runs_on: str


@dataclass(frozen=True)
class PlaneWanted:
    """A plane should be read into a slot."""

    plane: int
    slot: int


@dataclass(frozen=True)
class LabelsCome:
    """Labels of this shape follow, for the next event."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """A slot holds so many bytes of the labels."""

    slot: int
    length: int


@dataclass(frozen=True)
class Told:
    """An event of the job; the labels of a FramesDone came ahead."""

    event: JobEvent


@dataclass(frozen=True)
class Ended:
    """The job has ended, with an error or none."""

    error: Exception | None


@dataclass(frozen=True)
class Answer:
    """To a Question."""

    number: int
    answer: Any
    error: Exception | None = None


def portable(error: Exception) -> Exception:
    """Give an error that passes to another process, with its traceback as a note.

    Reading it there loads nothing: where its class is not Python's own or one of ours, it
    becomes one of the nearest class that is. Torch's would bring torch with them.
    """
    import pickle

    text = "".join(traceback.format_exception(error))
    kind = next(one for one in type(error).__mro__ if _is_light(one))
    plain = all(isinstance(part, str | int | float | None) for part in error.args)
    try:
        if kind is not type(error) or not plain:
            error = kind(str(error)) if kind is not Exception else _named(error)
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:
        error = _named(error)
    error.add_note(text)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _is_light(kind: type) -> bool:
    """Whether a class lies where importing it imports no library."""
    return kind.__module__ == errors.__name__ or kind.__module__ in sys.builtin_module_names


def _named(error: Exception) -> RuntimeError:
    return RuntimeError(f"{type(error).__name__}: {error}")
