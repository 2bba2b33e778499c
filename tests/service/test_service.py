"""Both services: what they tell and in what order, the queue, cancelling and errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from listening import Listener
from models import PICTURES, VOLUMES, model_of, random_clip, random_volume, small_model
from patience import PATIENCE_S

from mambaseg.inference import Engine, Options
from mambaseg.ops import available_backends
from mambaseg.service import (
    Advanced,
    ChildProcessService,
    Failed,
    FramesDone,
    InProcessService,
    JobEvent,
    Ready,
    Request,
    SegmentationService,
    Started,
    Stopped,
    Succeeded,
)
from mambaseg.types import MedicalImage
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.trained_model import TrainedModel


def still() -> MedicalImage:
    clip = random_clip(1)
    return MedicalImage(clip.array[:, 0], "CYX", channel_names=clip.channel_names)


@pytest.fixture(scope="module", params=[InProcessService, ChildProcessService])
def service(request: pytest.FixtureRequest) -> Iterator[SegmentationService]:
    made = request.param()
    yield made
    made.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    return small_model(tmp_path_factory.mktemp("models"))


def test_frames_come_in_order_and_are_those_of_the_engine(
    service: SegmentationService, model: TrainedModel
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


def test_a_base_is_copied_and_stays(service: SegmentationService, model: TrainedModel) -> None:
    base = np.full((8, 48, 60), 7, np.uint8)
    listener = Listener(lambda event: event.labels.fill(1) if isinstance(event, Started) else None)
    service.submit(Request(random_clip(8), model, "cpu", Options(range(2, 5)), base), listener)
    started, *_ = listener.wait()
    assert isinstance(started, Started)
    assert np.all(base == 7)
    assert started.labels.dtype == np.uint8


def test_cancelling_ends_with_stopped(service: SegmentationService, model: TrainedModel) -> None:
    def cancel(event: JobEvent) -> None:
        if isinstance(event, FramesDone):
            job.cancel()

    listener = Listener(cancel)
    job = service.submit(Request(random_clip(60), model, "cpu"), listener)
    events = listener.wait()
    assert isinstance(events[-1], Stopped)
    assert 1 <= sum(isinstance(event, FramesDone) for event in events) < 20


def test_a_job_that_waits_can_be_cancelled(
    service: SegmentationService, model: TrainedModel
) -> None:
    first, second = Listener(), Listener()
    running = service.submit(Request(random_clip(60), model, "cpu"), first)
    service.submit(Request(random_clip(60), model, "cpu"), second).cancel()
    running.cancel()
    first.wait()
    assert [type(event) for event in second.wait()] == [Stopped]


def test_an_error_is_told_and_the_next_job_runs(
    service: SegmentationService, model: TrainedModel
) -> None:
    bad, good = Listener(), Listener()
    service.submit(Request(random_clip(5, channels=2), model, "cpu"), bad)
    service.submit(Request(random_clip(5), model, "cpu"), good)
    last = bad.wait()[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, UnsupportedImageError)
    assert isinstance(good.wait()[-1], Succeeded)


def test_prepare_says_what_computes(service: SegmentationService) -> None:
    told: list[Ready] = []
    done = threading.Event()
    service.prepare(lambda ready: (told.append(ready), done.set()))  # type: ignore[func-returns-value]
    assert done.wait(PATIENCE_S)
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


@pytest.mark.parametrize(
    ("content", "image"),
    [(PICTURES, random_clip(7)), (PICTURES, still()), (VOLUMES, random_volume())],
)
def test_labels_are_those_of_the_engine_bit_for_bit(
    service: SegmentationService, tmp_path: Path, content: dict[str, Any], image: MedicalImage
) -> None:
    model = model_of(tmp_path, "any", content)
    listener = Listener()
    service.submit(Request(image, model, "cpu"), listener)
    events = listener.wait()
    found = [event.labels for event in events if isinstance(event, FramesDone)]
    expected = np.asarray(Engine("cpu").segment(image, model).labels)
    np.testing.assert_array_equal(np.concatenate(found).reshape(expected.shape), expected)
    assert isinstance(events[-1], Succeeded)
    assert events[-1].provenance.weights_sha256 == model.sha256


def test_a_volume_advances_by_windows(service: SegmentationService, tmp_path: Path) -> None:
    model = model_of(tmp_path, "volumes", VOLUMES)
    listener = Listener()
    service.submit(Request(random_volume(), model, "cpu"), listener)
    started, *advanced, done = listener.wait()
    assert isinstance(started, Started)
    assert started.labels.shape == (40, 44, 36)
    slabs = [event for event in advanced if isinstance(event, FramesDone)]
    assert any(type(event) is Advanced for event in advanced)
    assert [slab.start for slab in slabs] == [0, *(slab.stop for slab in slabs[:-1])]
    assert (slabs[-1].stop, slabs[-1].done) == (40, slabs[-1].total)
    assert isinstance(done, Succeeded)


def test_the_queue_shows_who_waits(service: SegmentationService, model: TrainedModel) -> None:
    changes: list[int] = []
    service.queue_changed.connect(lambda: changes.append(len(service.queue)))
    looked_at = threading.Event()
    first = Listener(lambda event: looked_at.wait(PATIENCE_S))
    second, third = Listener(), Listener()
    jobs = [
        service.submit(Request(replace(random_clip(40), source=name), model, "cpu"), listener)
        for name, listener in (("a", first), ("b", second), ("c", third))
    ]
    assert [job.name for job in service.queue] == ["a: small", "b: small", "c: small"]
    jobs[1].cancel()
    assert [type(event) for event in second.events] == [Stopped], "at once"
    assert service.queue == (jobs[0], jobs[2])
    looked_at.set()
    jobs[0].cancel()
    first.wait()
    jobs[2].cancel()
    third.wait()
    assert service.queue == ()
    assert len(changes) >= 6


def test_it_says_what_it_holds(service: SegmentationService, model: TrainedModel) -> None:
    listener, told = Listener(), SimpleQueue[Any]()
    service.submit(Request(random_clip(3), model, "cpu"), listener)
    listener.wait()
    service.models(told.put)
    assert told.get(timeout=PATIENCE_S)[-1] == model.sha256
    service.memory(told.put)
    use = told.get(timeout=PATIENCE_S)
    assert 2**26 < use.used_bytes < 2**34
    service.release()
    service.models(told.put)
    assert told.get(timeout=PATIENCE_S) == []
