"""The process that computes: `python -m mambaseg.service.child`, started by the viewer's."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from mambaseg.service.channel import Channel, ChannelClosed
from mambaseg.service.child_job import ChildJob
from mambaseg.service.environment import LIMIT, NO_MEMORY, SCRATCH
from mambaseg.service.limits import limit_memory, memory_use
from mambaseg.service.messages import Answer, Do, Hello, Question, portable
from mambaseg.service.running import Engines, get_ready

__all__ = ["main"]

_CLEAR = "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"


class Child:
    """Runs jobs in a thread, while the main one listens and others answer.

    Parameters
    ----------
    channel : Channel
        To the viewer's process.
    limit : int or None
        Bytes of memory that it may hold; None for most of what is free.
    """

    def __init__(self, channel: Channel, limit: int | None) -> None:
        self._channel, self._limit = channel, limit
        self._engines = Engines()
        self._jobs: SimpleQueue[ChildJob] = SimpleQueue()
        self._job: ChildJob | None = None  # the one that came last
        self._in_force: int | None = None
        self._answers = ThreadPoolExecutor(1, thread_name_prefix="mambaseg-answers")
        self._estimates = ThreadPoolExecutor(1, thread_name_prefix="mambaseg-estimates")

    def listen(self) -> None:
        """Receive messages, and end the process at once when the viewer's is gone."""
        try:
            while True:
                self._take(self._channel.receive())
        except ChannelClosed:
            leave(0)
        except MemoryError:
            leave(NO_MEMORY)
        except BaseException:  # without this thread nothing could end it
            traceback.print_exc()
            leave(1)

    def work(self) -> None:
        """Run jobs as they come; what goes wrong outside of one ends the process."""
        try:
            self._work()
        except ChannelClosed:
            leave(0)
        except BaseException:
            traceback.print_exc()
            leave(1)

    def _work(self) -> None:
        with self._engines.turn:
            # An estimate needs it. Its LLVM must not load while numba's compiles.
            import torch._dynamo  # noqa: F401

            ready = get_ready()
        self._in_force = limit_memory(self._limit)  # which an estimate, too, goes by
        self._channel.send(Hello(ready))
        while True:
            job = self._jobs.get()
            self._in_force = limit_memory(self._limit)
            with self._engines.turn:
                job.run(self._engines)

    def _take(self, message: Any) -> None:
        if isinstance(message, Do):
            self._job = ChildJob(message, self._channel)
            self._jobs.put(self._job)
        elif isinstance(message, Question):
            slow = message.what == "estimate"
            (self._estimates if slow else self._answers).submit(self._answer, message)
        elif self._job is not None and message.number == self._job.number:
            self._job.take(message)

    def _answer(self, question: Question) -> None:
        answer: Any = None
        error: Exception | None = None
        try:
            if question.what == "estimate":
                image, model, device, options = question.arguments
                with self._engines.turn:
                    answer = self._engines.on(device).estimate(image, model, options)
            elif question.what == "models":
                answer = self._engines.models
            elif question.what == "memory":
                answer = memory_use(self._in_force)
            else:
                self._engines.release()
        except Exception as problem:
            error = portable(problem)
        self._channel.send(Answer(question.number, answer, error))


def leave(code: int) -> None:
    """End this process, whatever its threads are doing."""
    scratch = os.environ.get(SCRATCH)
    if code == 0 and scratch:  # else the viewer lives, and clears up
        if os.name == "posix":
            # Another thread may be writing there; a program in this one's place has no others.
            command = [sys.executable, "-I", "-S", "-c", _CLEAR, scratch]
            with suppress(OSError):
                os.execv(sys.executable, command)  # noqa: S606
        shutil.rmtree(scratch, ignore_errors=True)
    os._exit(code)


def main() -> None:
    """Take over the pipes that this process was started with, and serve."""
    # What a library prints must not come between the messages.
    source = os.fdopen(os.dup(0), "rb")
    target = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal, meant for the viewer
    limit = os.environ.get(LIMIT)
    child = Child(Channel(source, target), int(limit) if limit else None)
    # Not in the main thread: what malloc gives back there at once, elsewhere it keeps for reuse.
    threading.Thread(target=child.work, name="mambaseg-works", daemon=True).start()
    child.listen()


if __name__ == "__main__":
    main()
