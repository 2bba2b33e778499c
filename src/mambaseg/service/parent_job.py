"""One job as the viewer's process sees it, while another one computes."""

from __future__ import annotations

from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.data.channel_names import arranged
from mambaseg.data.window import read_plane
from mambaseg.service.channel import Channel
from mambaseg.service.events import FramesDone, Started
from mambaseg.service.job import Job
from mambaseg.service.messages import (
    ArrayStub,
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
from mambaseg.service.own_labels import own_labels
from mambaseg.service.slots import SharedBlock, lay_out
from mambaseg.types import MedicalImage

__all__ = ["ParentJob", "stub_of"]

_MOST_PLANES = 16
_PLANES_BYTES = 48 * 2**20
_SLICES_BYTES = 4 * 2**20
_LABELS_BYTES = 4 * 2**20


def stub_of(image: MedicalImage) -> MedicalImage:
    """Give an image without its elements, to be sent."""
    return replace(image, array=ArrayStub.of(image.array), header=dict(image.header))


class ParentJob:
    """Hands planes over, takes labels in, and tells the job's listener.

    Parameters
    ----------
    number : int
        Of the job, in its messages.
    job : Job
        What was asked for.
    channel : Channel
        To the process that computes.

    Attributes
    ----------
    ended : bool
        Whether the other process has done with it.

    Raises
    ------
    OutOfMemoryError
        If there is no room for the shared memory.
    """

    def __init__(self, number: int, job: Job, channel: Channel) -> None:
        self._number, self._job, self._channel = number, job, channel
        request = job.request
        # Here, so that a network's order of channels costs no second reading there.
        self._image = arranged(request.image, request.model.recipe.channels)
        array = self._image.array
        shape, dtype = tuple(map(int, array.shape)), np.dtype(array.dtype)
        length, rest = (1, shape[1:]) if len(shape) == 3 else (shape[1], shape[2:])
        size = shape[0] * int(np.prod(rest)) * dtype.itemsize
        depth = 1  # a film's frames come one by one, as they are decoded
        if self._image.kind == "volume":
            depth = max(1, min(length, _SLICES_BYTES // max(size, 1)))
        most = max(2, min(_MOST_PLANES, _PLANES_BYTES // max(size * depth, 1)))
        self._planes, self._pieces = lay_out(
            (min(most, -(-length // depth)), (shape[0], depth, *rest), dtype),
            (2, (min(_LABELS_BYTES, int(np.prod(shape[1:]))),), np.dtype(np.uint8)),
        )
        self._block = SharedBlock(self._pieces.end)
        self._labels: NDArray[np.uint8] = np.zeros((0, 0, 0), np.uint8)
        self._filled = 0
        self.ended = False

    def run(self, inbox: SimpleQueue[Any]) -> None:
        """Go through the messages of the other process to the job's end.

        Raises
        ------
        Exception
            Whatever ended the job there.
        """
        request = self._job.request
        try:
            self._channel.send(
                Do(
                    self._number,
                    stub_of(self._image),
                    request.model,
                    request.device,
                    request.options,
                    self._block.name,
                    self._planes,
                    self._pieces,
                )
            )
            if self._job.token.cancelled:  # before the other process knew of the job
                self._channel.send(Stop(self._number))
            while not isinstance(message := inbox.get(), Ended):
                if isinstance(message, Exception):
                    raise message
                self._take(message)
            self.ended = True
        finally:
            self._block.close()
        if message.error is not None:
            raise message.error

    def _take(self, message: Any) -> None:
        if isinstance(message, PlaneWanted):
            self._read(message.plane, message.slot)
        elif isinstance(message, LabelsCome):
            self._labels, self._filled = np.empty(message.shape, np.uint8), 0
        elif isinstance(message, Piece):
            start, self._filled = self._filled, self._filled + message.length
            piece = self._block.array(self._pieces)[message.slot, : message.length]
            self._labels.reshape(-1)[start : self._filled] = piece
            self._channel.send(PieceTaken(self._number, message.slot))
        elif isinstance(message, Told):
            event = message.event
            if isinstance(event, FramesDone):
                event = replace(event, labels=self._labels)
            self._job.tell(event)
        elif isinstance(message, Began):
            self._job.tell(Started(own_labels(self._job.request), message.runs_on))
        elif isinstance(message, SlotsHeld):
            self._block.forget_name()

    def _read(self, plane: int, slot: int) -> None:
        problem: Exception | None = None
        room = self._block.array(self._planes)[slot]
        depth, image = room.shape[1], self._image
        try:
            if depth == 1:
                room[:, 0] = read_plane(image, plane)
            else:
                part = np.asarray(image.array[:, plane * depth : (plane + 1) * depth])
                room[:, : part.shape[1]] = part
        except Exception as error:
            problem = portable(error)
        self._channel.send(PlaneRead(self._number, plane, slot, problem))
