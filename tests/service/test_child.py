"""The process that computes: kill, crash, memory, orphans, and what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from listening import Listener
from models import VOLUMES, model_of, random_clip, random_volume, small_model
from patience import PATIENCE_S, wait_for

from mambaseg.inference import Engine, Options
from mambaseg.service import (
    ChildProcessService,
    Failed,
    FramesDone,
    MemoryUse,
    Request,
    Started,
    Stopped,
    Succeeded,
)
from mambaseg.types.errors import EngineLostError, OutOfMemoryError, UnreadableImageError
from mambaseg.types.trained_model import ModelCard, TrainedModel
from mambaseg.zoo import build_network, write_model

SHARED = Path("/dev/shm")  # noqa: S108


def left_behind(pid: int) -> list[Path]:
    """Shared memory of a process that has a name, and its folders for temporary files."""
    memory = [*SHARED.glob(f"mambaseg-{pid}-*")] if SHARED.is_dir() else []
    return [*memory, *Path(tempfile.gettempdir()).glob("mambaseg-service-*")]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep apart what other tests leave in the folder for temporary files meanwhile."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))


def runs(pid: int) -> bool:
    """Whether a process does anything still; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    return small_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def service(own_folder: None) -> Iterator[ChildProcessService]:
    made = ChildProcessService()
    yield made
    pid = made.pid
    made.close()
    if pid is not None:
        wait_for(lambda: not runs(pid))
    wait_for(lambda: not left_behind(os.getpid()))


class Film:
    """A film that is read frame by frame, and says which ones were."""

    def __init__(self, array: np.ndarray, broken: int = -1) -> None:
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self._array, self._broken = array, broken
        self.read: list[int] = []

    def __getitem__(self, key: Any) -> Any:
        frames = range(self.shape[1])[key[1]] if isinstance(key, tuple) else range(self.shape[1])
        self.read += frames
        if self._broken in frames:
            raise UnreadableImageError(f"Frame {self._broken} of film.mp4 is damaged.")
        return self._array[key]


def labels_of(events: list[Any]) -> np.ndarray:
    return np.concatenate([event.labels for event in events if isinstance(event, FramesDone)])


def test_a_lazy_film_is_read_once_and_frame_by_frame(
    service: ChildProcessService, model: TrainedModel
) -> None:
    clip = random_clip(60)
    film = Film(np.asarray(clip.array))
    listener = Listener()
    service.submit(Request(replace(clip, array=film), model, "cpu"), listener)
    events = listener.wait()
    assert isinstance(events[-1], Succeeded), events[-1]
    np.testing.assert_array_equal(labels_of(events), Engine("cpu").segment(clip, model).labels)
    assert film.read == list(range(60))


def test_a_frame_that_cannot_be_read_ends_the_job_with_its_sentence(
    service: ChildProcessService, model: TrainedModel
) -> None:
    clip = random_clip(30)
    film = Film(np.asarray(clip.array), broken=20)
    listener = Listener()
    service.submit(Request(replace(clip, array=film), model, "cpu"), listener)
    last = listener.wait()[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, UnreadableImageError)
    assert str(last.error) == "Frame 20 of film.mp4 is damaged."
    assert labels_of(listener.events).shape[0] >= 9


@pytest.mark.parametrize(
    "order",
    [
        (3, 1, 2, 0),
        *(pytest.param(x, marks=pytest.mark.slow) for x in ((0, 1, 2, 3), (0, 3, 2, 1))),
    ],
)
def test_a_volume_in_any_order_of_memory_gives_the_same_labels(
    service: ChildProcessService, tmp_path: Path, order: tuple[int, ...]
) -> None:
    model = model_of(tmp_path, "volumes", VOLUMES)
    volume = random_volume()
    array = np.ascontiguousarray(volume.array.transpose(order)).transpose(np.argsort(order))
    image = replace(volume, array=array)
    listener = Listener()
    # bf16 rounds otherwise on another number of threads, and the process leaves one free.
    exact = Options(precision="float32")
    service.submit(Request(image, model, "cpu", exact), listener)
    expected = Engine("cpu").segment(image, model, exact).labels
    np.testing.assert_array_equal(labels_of(listener.wait()), expected)


@pytest.mark.slow
def test_a_killed_process_costs_its_job_alone(
    service: ChildProcessService, model: TrainedModel
) -> None:
    clip = random_clip(200)

    def kill(event: Any) -> None:
        late = isinstance(event, FramesDone) and event.start >= 12
        if late and (pid := service.pid) is not None:  # None once it is dead
            os.kill(pid, signal.SIGKILL)

    first, second = Listener(kill), Listener()
    service.submit(Request(clip, model, "cpu"), first)
    service.submit(Request(random_clip(9), model, "cpu"), second)
    last = first.wait()[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, EngineLostError)
    assert "ended by the system" in str(last.error)
    assert "Press Run" in str(last.error)
    kept = labels_of(first.events)
    assert 12 <= len(kept) < 200
    whole = Engine("cpu").segment(clip, model).labels
    np.testing.assert_array_equal(kept, whole[: len(kept)])
    events = second.wait()
    assert isinstance(events[-1], Succeeded), "the queue goes on"
    np.testing.assert_array_equal(
        labels_of(events), Engine("cpu").segment(random_clip(9), model).labels
    )


@pytest.mark.slow
def test_kills_at_any_time_leave_a_service_that_works(
    service: ChildProcessService, model: TrainedModel
) -> None:
    randomly = np.random.default_rng(0)
    for _ in range(4):
        listener = Listener()
        service.submit(Request(random_clip(300), model, "cpu"), listener)
        wait_for(lambda: service.pid)
        time.sleep(randomly.uniform(0, 4))
        if (pid := service.pid) is not None:
            os.kill(pid, signal.SIGKILL)
        assert isinstance(listener.wait()[-1], Failed | Succeeded)
    listener = Listener()
    service.submit(Request(random_clip(4), model, "cpu"), listener)
    assert isinstance(listener.wait()[-1], Succeeded)


@pytest.mark.slow
def test_cancelling_at_every_tenth_percent_leaves_a_service_that_works(
    service: ChildProcessService, model: TrainedModel
) -> None:
    clip = random_clip(50)
    whole = Engine("cpu").segment(clip, model).labels
    for percent in range(0, 100, 10):
        asked = Event()

        def cancel(event: Any, percent: int = percent, asked: Event = asked) -> None:
            if isinstance(event, Started | FramesDone):
                done = event.done if isinstance(event, FramesDone) else 0
                if 100 * done >= percent * 50:
                    asked.set()

        listener = Listener(cancel)
        job = service.submit(Request(clip, model, "cpu"), listener)
        assert asked.wait(PATIENCE_S)
        job.cancel()
        last = listener.wait()[-1]
        assert isinstance(last, Stopped | Succeeded)
        done = [event for event in listener.events if isinstance(event, FramesDone)]
        if done:
            kept = labels_of(listener.events)
            np.testing.assert_array_equal(kept, whole[: len(kept)])
    listener = Listener()
    service.submit(Request(clip, model, "cpu"), listener)
    np.testing.assert_array_equal(labels_of(listener.wait()), whole)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped by POSIX signals")
def test_close_does_not_wait_for_a_process_that_cannot_end(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mambaseg.service.child_handle._PATIENCE_S", 600.0)
    service, listener = ChildProcessService(), Listener()
    service.submit(Request(random_clip(4), model, "cpu"), listener)
    listener.wait()
    pid = service.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    closing = Thread(target=service.close, daemon=True)
    try:
        closing.start()
        closing.join(PATIENCE_S)
        assert not closing.is_alive()
        assert runs(pid)
    finally:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not runs(pid))
    wait_for(lambda: not left_behind(os.getpid()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory")
def test_out_of_memory_ends_the_job_and_says_so(model: TrainedModel) -> None:
    service = ChildProcessService(memory_limit=1)  # that is, little more than it holds
    big, small = Listener(), Listener()
    try:
        clip = random_clip(1, (6144, 8192))
        service.submit(Request(clip, model, "cpu"), big)
        service.submit(Request(random_clip(4), model, "cpu"), small)
        last = big.wait()[-1]
        assert isinstance(last, Failed)
        assert isinstance(last.error, OutOfMemoryError)
        assert isinstance(small.wait()[-1], Succeeded), "the queue goes on"
        told = SimpleQueue[MemoryUse]()
        service.memory(told.put)
        use = told.get(timeout=PATIENCE_S)
        assert 2**29 < (use.limit_bytes or 0) < 2**31
        assert use.used_bytes < (use.limit_bytes or 0)
    finally:
        service.close()


VIEWER = """
import sys, threading, time
sys.path[:0] = {paths!r}
from models import random_clip
from mambaseg.service import ChildProcessService, FramesDone, Request
from mambaseg.zoo import load_model
assert "torch" not in sys.modules or "models" in sys.modules
service = ChildProcessService()
def listen(event):
    if isinstance(event, FramesDone):
        print(service.pid, flush=True)
service.submit(Request(random_clip(100000), load_model({model!r}), "cpu"), listen)
time.sleep(600)
"""


@pytest.mark.slow
def test_no_orphan_and_nothing_left_when_the_viewer_is_killed(model: TrainedModel) -> None:
    code = VIEWER.format(paths=sys.path, model=str(model.path))
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as viewer:
        assert viewer.stdout is not None
        pid = int(viewer.stdout.readline())
        assert runs(pid)
        viewer.kill()
        wait_for(lambda: not runs(pid))
        _, told = viewer.communicate(timeout=PATIENCE_S)
    assert told == ""
    wait_for(lambda: not left_behind(viewer.pid))


def test_the_viewers_process_never_loads_torch(model: TrainedModel, tmp_path: Path) -> None:
    """Nor as it is told that values are not numbers."""
    weights = build_network(model.recipe).state_dict()
    weights["decoder.norm.running_var"] -= 9  # no variance: its root is no number
    path = tmp_path / "broken.safetensors"
    write_model(path, weights, name="broken", recipe=model.recipe, card=ModelCard())
    code = f"""
import sys, threading
import numpy as np
from mambaseg.service import Failed, Request, Stopped, Succeeded
from mambaseg.session import Session, choose_models, describe_image
from mambaseg.types import MedicalImage
from mambaseg.zoo import load_model
image = MedicalImage(np.zeros((3, 6, 32, 40), np.uint8), "CTYX", channel_names=tuple("rgb"))
model = load_model({str(model.path)!r})
choose_models([model], image), describe_image(image)
session = Session()
session.prepare()
ended = threading.Semaphore(0)
def listen(event):
    if isinstance(event, (Succeeded, Failed)):
        print(type(getattr(event, "error", event)).__name__)
        ended.release()
session.service.submit(Request(image, model, "cpu"), listen)
session.service.submit(Request(image, load_model({str(path)!r}), "cpu"), listen)
assert ended.acquire(timeout=120) and ended.acquire(timeout=120)
session.close()
print("torch" in sys.modules)
"""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["Succeeded", "NotFiniteError", "False"]
    assert "resource_tracker" not in run.stderr
