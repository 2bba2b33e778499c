"""The service: what it tells and in what order, cancelling, errors, and where torch is loaded."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import VOLUMES, model_of, random_clip, random_volume, small_model

from mambaseg.inference import Engine
from mambaseg.ops import available_backends
from mambaseg.session import (
    Advanced,
    Failed,
    FramesDone,
    InProcessService,
    JobEvent,
    Ready,
    Request,
    Started,
    Stopped,
    Succeeded,
)
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.trained_model import TrainedModel


class Listener:
    """Keeps what it was told."""

    def __init__(self, on_event: Callable[[JobEvent], None] = lambda event: None) -> None:
        self.events: list[JobEvent] = []
        self.ended = threading.Event()
        self._on_event = on_event

    def __call__(self, event: JobEvent) -> None:
        self.events.append(event)
        self._on_event(event)
        if isinstance(event, Succeeded | Stopped | Failed):
            self.ended.set()

    def wait(self) -> list[JobEvent]:
        assert self.ended.wait(60)
        return self.events


@pytest.fixture
def service() -> Iterator[InProcessService]:
    made = InProcessService()
    yield made
    made.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    return small_model(tmp_path_factory.mktemp("models"))


def test_frames_come_in_order_and_are_those_of_the_engine(
    service: InProcessService, model: TrainedModel
) -> None:
    clip = random_clip(11)
    listener = Listener()
    service.submit(Request(clip, model, "cpu"), listener)
    started, *frames, last = listener.wait()
    assert isinstance(started, Started)
    assert isinstance(last, Succeeded)
    assert "cpu" in started.runs_on
    assert "scan backend" in started.runs_on
    done = [event for event in frames if isinstance(event, FramesDone)]
    assert done == frames
    assert [event.start for event in done] == [0, *(event.stop for event in done[:-1])]
    assert done[-1].stop == done[-1].done == done[-1].total == 11
    expected = Engine("cpu").segment(clip, model).labels
    np.testing.assert_array_equal(np.concatenate([event.labels for event in done]), expected)
    assert started.labels.shape == expected.shape
    assert not np.asarray(started.labels).any(), "the listener's own, which it fills itself"


def test_a_base_is_copied_and_stays(service: InProcessService, model: TrainedModel) -> None:
    base = np.full((8, 48, 60), 7, np.uint8)
    listener = Listener(lambda event: event.labels.fill(1) if isinstance(event, Started) else None)
    service.submit(Request(random_clip(8), model, "cpu", range(2, 5), base), listener)
    started, *_ = listener.wait()
    assert isinstance(started, Started)
    assert np.all(base == 7)
    assert started.labels.dtype == np.uint8


def test_cancelling_ends_with_stopped(service: InProcessService, model: TrainedModel) -> None:
    def cancel(event: JobEvent) -> None:
        if isinstance(event, FramesDone):
            job.cancel()

    listener = Listener(cancel)
    job = service.submit(Request(random_clip(60), model, "cpu"), listener)
    events = listener.wait()
    assert isinstance(events[-1], Stopped)
    assert 1 <= sum(isinstance(event, FramesDone) for event in events) < 20


def test_a_job_that_waits_can_be_cancelled(service: InProcessService, model: TrainedModel) -> None:
    first, second = Listener(), Listener()
    running = service.submit(Request(random_clip(60), model, "cpu"), first)
    service.submit(Request(random_clip(60), model, "cpu"), second).cancel()
    running.cancel()
    first.wait()
    assert [type(event) for event in second.wait()] == [Stopped]


def test_an_error_is_told_and_the_next_job_runs(
    service: InProcessService, model: TrainedModel
) -> None:
    bad, good = Listener(), Listener()
    service.submit(Request(random_clip(5, channels=2), model, "cpu"), bad)
    service.submit(Request(random_clip(5), model, "cpu"), good)
    last = bad.wait()[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, UnsupportedImageError)
    assert isinstance(good.wait()[-1], Succeeded)


def test_prepare_says_what_computes(service: InProcessService) -> None:
    told: list[Ready] = []
    done = threading.Event()
    service.prepare(lambda ready: (told.append(ready), done.set()))  # type: ignore[func-returns-value]
    assert done.wait(60)
    assert told[0].backends["cpu"] in available_backends()


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (6, 30, 2.0, "6 of 30 frames · 3.0 frames/s · about 8 s left"),
        (30, 30, 10.0, "30 of 30 frames · 3.0 frames/s"),
        (1, 1201, 1.0, "1 of 1201 frames · 1.0 frames/s · about 20 min left"),
    ],
)
def test_progress_in_words(done: int, total: int, seconds: float, text: str) -> None:
    event = FramesDone(done, total, seconds, "frames", 0, done, np.zeros((done, 1, 1), np.uint8))
    assert str(event) == text


def test_slow_windows_in_words() -> None:
    text = "2 of 8 windows · 20 s for each of the windows · about 2 min left"
    assert str(Advanced(2, 8, 40.0, "windows")) == text


def test_a_volume_advances_by_windows(tmp_path: Path) -> None:
    model = model_of(tmp_path, "volumes", VOLUMES)
    events: list[JobEvent] = []
    ended = threading.Event()

    def listen(event: JobEvent) -> None:
        events.append(event)
        if isinstance(event, Succeeded | Failed):
            ended.set()

    service = InProcessService()
    service.submit(Request(random_volume(), model, "cpu"), listen)
    assert ended.wait(120)
    service.close()
    started, *advanced, final, done = events
    assert isinstance(started, Started)
    assert started.labels.shape == (40, 44, 36)
    assert all(type(event) is Advanced for event in advanced)
    assert isinstance(final, FramesDone)
    assert (final.start, final.stop, final.done) == (0, 40, final.total)
    assert isinstance(done, Succeeded)
    np.testing.assert_array_equal(done.segmentation.labels, final.labels)


def test_only_the_service_thread_loads_torch(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    code = f"""
import sys, threading, builtins
importers = set()
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            importers.add(threading.current_thread().name)
sys.meta_path.insert(0, Watch())
import numpy as np
from mambaseg.session import *
from mambaseg.types import MedicalImage
from mambaseg.zoo import load_model
image = MedicalImage(np.zeros((3, 6, 32, 40), np.uint8), "CTYX", channel_names=tuple("rgb"))
model = load_model({str(model.path)!r})
choose_models([model], image), describe_image(image)
assert "torch" not in sys.modules
session = Session()
session.prepare()
done = threading.Event()
def listen(event):
    if isinstance(event, (Succeeded, Failed)):
        print(type(event).__name__)
        done.set()
session.service.submit(Request(image, model, "cpu"), listen)
assert done.wait(60)
session.close()
print(*importers)
"""
    run: Any = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["Succeeded", "mambaseg-engine_0"]
