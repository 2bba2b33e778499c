"""Planes of an image that arrive in few slots of shared memory."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from models import random_clip, small_model
from patience import PATIENCE_S

from mambaseg.inference import Options
from mambaseg.service import slots
from mambaseg.service.child_job import ChildJob
from mambaseg.service.messages import ArrayStub, Do, Ended, PlaneWanted, Stop
from mambaseg.service.parent_job import stub_of
from mambaseg.service.remote_array import RemoteArray
from mambaseg.service.running import Engines
from mambaseg.service.slots import SharedBlock, lay_out
from mambaseg.types.errors import Cancelled, OutOfMemoryError

"""Nothing here takes long: whoever has not come so far hangs."""


def remote(film: np.ndarray, count: int) -> RemoteArray:
    """An array that a thread reads a plane at a time, in order, as the viewer's process does."""
    room = np.zeros((count, film.shape[0], 1, *film.shape[2:]), film.dtype)
    wanted = SimpleQueue[tuple[int, int]]()
    array = RemoteArray(ArrayStub.of(film), room, lambda *plane: wanted.put(plane))

    def serve() -> None:
        while True:
            plane, slot = wanted.get()
            room[slot, :, 0] = film[:, plane]
            array.arrived(plane, slot, None)

    threading.Thread(target=serve, daemon=True).start()
    return array


@pytest.mark.parametrize("count", [2, 3, 5, 8])
@pytest.mark.parametrize(
    "reads",
    [
        [(0, 5), (5, 9), (9, 12), (7, 12)],  # the last clip again, after a step down the ladder
        [(0, 12), (0, 5)],  # a film that is looked through ahead of its first clip
        [*((frame, frame + 1) for frame in (*range(9), 10, 11)), (9, 10)],  # one left out at first
    ],
)
def test_any_order_of_reading_comes_to_its_end(count: int, reads: list[tuple[int, int]]) -> None:
    film = np.arange(3 * 12 * 4, dtype=np.uint8).reshape(3, 12, 2, 2)
    array = remote(film, count)
    found: list[np.ndarray] = []
    thread = threading.Thread(
        target=lambda: found.extend(array[:, start:stop] for start, stop in reads), daemon=True
    )
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "hangs"
    for (start, stop), part in zip(reads, found, strict=True):
        np.testing.assert_array_equal(part, film[:, start:stop])


def test_a_stop_wakes_who_waits_for_a_plane(tmp_path: Path) -> None:
    """The plane never comes, as where its folder hangs."""
    clip, sent = random_clip(12), SimpleQueue[Any]()

    class Sends:
        send = staticmethod(sent.put)

    planes, pieces = lay_out(
        (4, (3, 1, *clip.spatial_shape), np.dtype(np.uint8)), (2, (100,), np.dtype(np.uint8))
    )
    block = SharedBlock(pieces.end)
    model = small_model(tmp_path)
    do = Do(7, stub_of(clip), model, "cpu", Options(), block.name, planes, pieces)
    job = ChildJob(do, Sends())  # type: ignore[arg-type]
    threading.Thread(target=job.run, args=(Engines(),), daemon=True).start()
    while not isinstance(sent.get(timeout=PATIENCE_S), PlaneWanted):
        pass
    job.take(Stop(7))
    while not isinstance(message := sent.get(timeout=PATIENCE_S), Ended):
        pass
    block.close()
    assert isinstance(message.error, Cancelled)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it has no file to look at")
def test_shared_memory_is_there_before_it_is_written_to() -> None:
    """Where it were promised alone, a shortage would end the viewer by a signal."""
    block = SharedBlock(2**22)
    held = (Path("/dev/shm") / block.name).stat()  # noqa: S108
    block.close()
    assert held.st_blocks * 512 >= 2**22


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is not asked for ahead")
def test_shared_memory_that_is_lacking_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(slots, "reserve", full)
    with pytest.raises(OutOfMemoryError, match="4 MB of shared memory are needed, but No space"):
        SharedBlock(2**22)
    assert not [*Path("/dev/shm").glob(f"mambaseg-{os.getpid()}-*")]  # noqa: S108
