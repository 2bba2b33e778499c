"""The viewer's end of the pipes, with a process at the other that does what a test says."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
import torch
from listening import Listener
from models import random_clip, small_model
from patience import PATIENCE_S

from mambaseg.service import Failed, Ready, Request, child_handle
from mambaseg.service.channel import Channel, ChannelClosed
from mambaseg.service.child_handle import ChildHandle
from mambaseg.service.job import Job
from mambaseg.service.job_queue import JobQueue
from mambaseg.service.messages import Answer, Do, Ended, Hello, Question, Stop, portable
from mambaseg.types.errors import EngineLostError, NotFiniteError


class Far:
    """The other end of the pipes, and the process that would be there."""

    pid, returncode = 0, -9

    def __init__(self) -> None:
        (near_in, far_out), (far_in, near_out) = os.pipe(), os.pipe()
        self.near = os.fdopen(near_in, "rb"), os.fdopen(near_out, "wb")
        self.hears, self.says = os.fdopen(far_in, "rb"), os.fdopen(far_out, "wb")
        self.channel = Channel(self.hears, self.says)

    def kill(self) -> None:
        """As of a process that has ended."""

    def wait(self) -> int:
        return self.returncode

    def messages(self) -> list[Any]:
        """What comes until the pipe ends."""
        found = []
        try:
            while True:
                found.append(self.channel.receive())
        except ChannelClosed:
            return found


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    made = Far()
    monkeypatch.setattr(child_handle, "start", lambda *_: (made, *made.near))
    yield made
    made.channel.close()


def job_of(folder: Path, name: str) -> Job:
    model = small_model(folder, name)
    return Job(Request(random_clip(3), model, "cpu"), lambda event: None, lambda job: None)


def in_thread(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_an_answer_that_was_sent_is_heard_though_a_later_question_failed(far: Far) -> None:
    heard, hello = threading.Event(), Hello(Ready({"cpu": "reference"}))
    handle = ChildHandle(None, lambda ready: heard.wait(PATIENCE_S))  # type: ignore[arg-type,return-value]
    far.channel.send(hello)  # which keeps the listener until the rest is in the pipe
    first, second = SimpleQueue[Any](), SimpleQueue[Any]()
    handle.ask("memory", (), first.put, first.put)
    question = far.channel.receive()
    assert isinstance(question, Question)
    far.channel.send(Answer(question.number, "42"))
    far.hears.close()  # as it is killed
    handle.ask("models", (), second.put, second.put)
    assert isinstance(second.get(timeout=PATIENCE_S), EngineLostError)
    heard.set()
    assert first.get(timeout=PATIENCE_S) == "42"


def test_whoever_waits_is_told_when_the_listener_cannot_go_on(far: Far) -> None:
    handle = ChildHandle(None, lambda ready: None)
    told = SimpleQueue[Any]()
    handle.ask("memory", (), told.put, told.put)
    far.channel.receive()
    far.channel.send(Answer(1000, "to a question that nobody asked"))
    far.says.write(b"(")  # a message that breaks off
    far.says.flush()
    far.says.close()
    assert isinstance(told.get(timeout=PATIENCE_S), EngineLostError)
    assert not handle.alive


def test_a_process_that_ends_before_it_is_ready_says_so(far: Far) -> None:
    told = SimpleQueue[Ready]()
    ChildHandle(None, told.put)
    far.channel.close()
    ready = told.get(timeout=PATIENCE_S)
    assert ready.backends == {}
    assert "was ended by the system" in ready.problem
    assert "Press Run" in ready.problem


def test_cancelling_a_job_that_has_ended_stops_no_other(far: Far, tmp_path: Path) -> None:
    handle = ChildHandle(None, lambda ready: None)
    ended, other = job_of(tmp_path, "ended"), job_of(tmp_path, "other")
    for job in (ended, other):
        thread = in_thread(lambda job=job: handle.run(job))  # type: ignore[misc]
        assert isinstance(do := far.channel.receive(), Do)
        if job is ended:
            far.channel.send(Ended(None))
            thread.join(PATIENCE_S)
    handle.interrupt(ended)
    handle.interrupt(other)
    far.channel.send(Ended(None))
    thread.join(PATIENCE_S)
    handle.close()
    assert far.messages() == [Stop(do.number)]


def test_a_listener_that_stumbles_over_an_end_keeps_no_other_job_waiting() -> None:
    def fail(job: Job) -> None:
        raise ValueError("no")

    def stumble(event: Any) -> None:
        raise RuntimeError("over the end")

    queue = JobQueue("test", fail, lambda job: None, lambda function: function())
    second = Listener()
    queue.submit("first", stumble)  # type: ignore[arg-type]
    queue.submit("second", second)  # type: ignore[arg-type]
    assert isinstance(second.wait()[-1], Failed)
    queue.close()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), RuntimeError),
        (np._core._exceptions._ArrayMemoryError((2**40,), np.dtype(float)), MemoryError),
        (ValueError(torch.float32), ValueError),
        (zlib.error("incorrect header"), RuntimeError),
        (FileNotFoundError(2, "No such file", "film.mp4"), FileNotFoundError),
        (NotFiniteError("not numbers"), NotFiniteError),
    ],
)
def test_an_error_brings_no_library_with_it(error: Exception, kind: type) -> None:
    text = str(error)
    passed = portable(error)
    assert type(passed) is kind
    assert text in str(passed)
    assert {type(part) for part in passed.args} <= {str, int}
    assert text in passed.__notes__[0]
