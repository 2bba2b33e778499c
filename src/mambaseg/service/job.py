"""A segmentation that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mambaseg.inference.events import CancelToken
from mambaseg.inference.options import Options
from mambaseg.service.events import JobEvent
from mambaseg.types import ArrayLike, MedicalImage
from mambaseg.types.trained_model import TrainedModel

__all__ = ["Job", "Listener", "Request"]

Listener = Callable[[JobEvent], None]


@dataclass(frozen=True)
class Request:
    """What to segment and how.

    Parameters
    ----------
    image : MedicalImage
        An image, video or volume that fits the model.
    model : TrainedModel
        The model.
    device : str
        "auto" for the fastest, or a name from `Ready.backends`.
    options : Options
        Frames, mirror images and other choices.
    base : array-like of uint8, shape (T, Y, X), (Z, Y, X) or (Y, X), or None
        Labels that the new ones are put into, for `Started.labels`; they
        themselves stay as they are. None: zeros.
    """

    image: MedicalImage
    model: TrainedModel
    device: str = "auto"
    options: Options = field(default_factory=Options)
    base: ArrayLike | None = None

    @property
    def name(self) -> str:
        """Image and model, in words."""
        return f"{self.image.source or self.image.kind}: {self.model.name}"


class Job:
    """A segmentation that waits, runs or has ended.

    Parameters
    ----------
    request : Request
        What to do.
    tell : Listener
        Passes an event on, in any thread.
    stop : callable
        Has the queue take it out, or whoever runs it stop.

    Attributes
    ----------
    token : CancelToken
        Whether a stop was asked for.
    """

    def __init__(self, request: Request, tell: Listener, stop: Callable[[Job], None]) -> None:
        self.request, self.tell = request, tell
        self.token = CancelToken()
        self._stop = stop

    @property
    def name(self) -> str:
        """Image and model, in words."""
        return self.request.name

    def cancel(self) -> None:
        """Ask for a stop, at once if it waits, else ahead of the next clip, frame or window."""
        self.token.cancel()
        self._stop(self)
