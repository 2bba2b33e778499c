"""One job in the process that computes."""

from __future__ import annotations

from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.inference.events import CancelToken
from mambaseg.service.channel import Channel
from mambaseg.service.events import FramesDone
from mambaseg.service.messages import (
    Began,
    Do,
    Ended,
    LabelsCome,
    Piece,
    PieceTaken,
    PlaneRead,
    PlaneWanted,
    SlotsHeld,
    Stop,
    Told,
    portable,
)
from mambaseg.service.remote_array import RemoteArray
from mambaseg.service.running import Engines, Outcome, runs_on, stream
from mambaseg.service.slots import SharedBlock
from mambaseg.types.errors import OutOfMemoryError

__all__ = ["ChildJob"]

_NO_LABELS = np.zeros((0, 0, 0), np.uint8)


class ChildJob:
    """Runs a job: planes come and labels go through shared memory, the rest by messages.

    Parameters
    ----------
    do : Do
        What to do.
    channel : Channel
        To the viewer's process.
    """

    def __init__(self, do: Do, channel: Channel) -> None:
        self.number = do.number
        self._do, self._channel = do, channel
        self._token = CancelToken()
        self._array: RemoteArray | None = None
        self._free: SimpleQueue[int] = SimpleQueue()

    def take(self, message: Any) -> None:
        """Take a message that is for this job, in the thread that receives."""
        if isinstance(message, Stop):
            self._token.cancel()
            if self._array is not None:
                self._array.close()  # wakes who waits for a plane
        elif isinstance(message, PieceTaken):
            self._free.put(message.slot)
        elif isinstance(message, PlaneRead) and self._array is not None:
            self._array.arrived(message.plane, message.slot, message.error)

    def run(self, engines: Engines) -> None:
        """Run it to its end, and tell what became of it."""
        problem: Exception | None = None
        try:
            block = SharedBlock(name=self._do.memory)
        except OSError as error:
            problem = portable(error)
        else:
            self._channel.send(SlotsHeld())
            try:
                self._run(engines, block)
            except (MemoryError, SystemError) as error:
                # The latter is what C code leaves where it could not even make its error.
                problem = portable(_no_memory(self._do, error))
            except Exception as error:
                problem = portable(error)  # which lets go of the frames that hold slots
            finally:
                if self._array is not None:
                    self._array.close()
            block.close()
        self._channel.send(Ended(problem))

    def _run(self, engines: Engines, block: SharedBlock) -> None:
        do, slots = self._do, block.array(self._do.labels)
        for slot in range(len(slots)):
            self._free.put(slot)
        self._array = RemoteArray(do.image.array, block.array(do.planes), self._want)  # type: ignore[arg-type]
        self._token.check()  # a stop that came before there was an array to close
        # A network reads a film piece by piece, the rest as a whole and more than once.
        film = do.image.kind == "video"
        image = replace(do.image, array=self._array if film else np.asarray(self._array[:]))
        engine = engines.only_on(do.device)
        self._channel.send(Began(runs_on(engine)))
        for event in stream(engine, image, do.model, do.options, self._token):
            self._tell(event, slots)

    def _want(self, plane: int, slot: int) -> None:
        self._channel.send(PlaneWanted(plane, slot))

    def _tell(self, event: Outcome, slots: NDArray[np.uint8]) -> None:
        if isinstance(event, FramesDone):
            labels = np.ascontiguousarray(event.labels).reshape(-1)
            self._channel.send(LabelsCome(event.labels.shape))
            size = slots.shape[1]
            for start in range(0, labels.size, size):
                piece, slot = labels[start : start + size], self._free.get()
                slots[slot, : piece.size] = piece
                self._channel.send(Piece(slot, piece.size))
            event = replace(event, labels=_NO_LABELS)
        self._channel.send(Told(event))


def _no_memory(do: Do, error: Exception) -> OutOfMemoryError:
    short = OutOfMemoryError(
        f"The memory did not suffice for {do.image.source or 'the image'} of shape "
        f"{do.image.array.shape}. What was finished is kept. Close other programs, or choose "
        "fewer frames or a smaller model, and run again."
    )
    short.__cause__ = error
    return short
