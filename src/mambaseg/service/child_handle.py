"""The process that computes, as the viewer's process holds it."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from queue import SimpleQueue
from typing import Any

from mambaseg.service.channel import Channel, ChannelClosed
from mambaseg.service.environment import NO_MEMORY, make_scratch, start
from mambaseg.service.events import Ready
from mambaseg.service.job import Job
from mambaseg.service.messages import Answer, Hello, Question, Stop
from mambaseg.service.parent_job import ParentJob
from mambaseg.types.errors import EngineLostError

__all__ = ["ChildHandle"]

Told = Callable[[Any], None]

_PATIENCE_S = 2.0


class ChildHandle:
    """Starts the process, and passes on what it says until it ends.

    Parameters
    ----------
    limit : int or None
        Bytes of memory that it may hold; None for most of what is free.
    says_ready : callable
        Is told, in another thread, what can compute, or why the process ended before it knew.

    Attributes
    ----------
    alive : bool
        Whether it takes jobs.
    ready : Ready or None
        What can compute; None until it is known.

    Raises
    ------
    EngineLostError
        If the process cannot be started.
    """

    def __init__(self, limit: int | None, says_ready: Callable[[Ready], None]) -> None:
        self._says_ready = says_ready
        self.ready: Ready | None = None
        self._scratch = make_scratch()
        try:
            self._process, source, target = start(self._scratch, limit)
        except OSError as error:
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise EngineLostError(
                f"The process that segments could not be started: {error.strerror or error}. "
                f"Look whether {sys.executable} runs, and press Run again."
            ) from error
        self._channel = Channel(source, target)
        self._numbers = count()
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._asked: dict[int, tuple[Told, Told]] = {}
        self._running: tuple[Job, int] | None = None
        self._lock = threading.Lock()
        self.alive = True
        threading.Thread(target=self._listen, name="mambaseg-hears", daemon=True).start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def run(self, job: Job) -> None:
        """Run a job to its end; its error is raised."""
        number = next(self._numbers)
        parent_job = ParentJob(number, job, self._channel)
        self._running = job, number
        try:
            parent_job.run(self._inbox)
        except ChannelClosed:
            raise self._lost() from None
        finally:
            self._running = None
            if not parent_job.ended:  # it would go on, and be taken for the next job
                self.kill()

    def interrupt(self, job: Job) -> None:
        """Ask a job to stop, if it runs."""
        running = self._running
        if running is not None and running[0] is job:
            with suppress(ChannelClosed):
                self._channel.send(Stop(running[1]))

    def ask(self, what: Any, arguments: tuple[Any, ...], told: Told, failed: Told) -> None:
        """Ask something; one of the two is told, in another thread."""
        number = next(self._numbers)
        with self._lock:
            self._asked[number] = (told, failed)
        try:
            self._channel.send(Question(number, what, arguments))
        except ChannelClosed:
            # Of the others an answer may have come, and still be unread.
            with self._lock:
                unheard = self._asked.pop(number, None)
            if unheard is not None:
                failed(self._lost())

    def close(self) -> None:
        """Have the process end and clear up, or else be killed, without waiting for it."""
        self.alive = False
        self._channel.hang_up()
        timer = threading.Timer(_PATIENCE_S, self.kill)
        timer.daemon = True
        timer.start()

    def kill(self) -> None:
        """End the process now."""
        self.alive = False
        with suppress(OSError):
            self._process.kill()

    def _listen(self) -> None:
        try:
            while True:
                message = self._channel.receive()
                if isinstance(message, Hello):
                    self.ready = message.ready
                    self._says_ready(message.ready)
                elif isinstance(message, Answer):
                    with self._lock:
                        told, failed = self._asked.pop(message.number, (None, None))
                    if told is None or failed is None:
                        continue  # who asked was told otherwise
                    if message.error is None:
                        told(message.answer)
                    else:
                        failed(message.error)
                else:
                    self._inbox.put(message)
        except ChannelClosed:
            pass
        finally:  # whatever else went wrong, nobody would hear of it any more
            self._bury()

    def _bury(self) -> None:
        self.kill()  # if it closed the pipe alone
        self._process.wait()
        self._channel.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._inbox.put(self._lost())
        self._forget()
        if self.ready is None:
            self._says_ready(Ready({}, str(self._lost())))

    def _forget(self) -> None:
        with self._lock:
            asked, self._asked = self._asked, {}
        for _, failed in asked.values():
            failed(self._lost())

    def _lost(self) -> EngineLostError:
        code = self._process.wait()
        how = f"ended with code {code}"
        if code == -getattr(signal, "SIGKILL", 9):
            how = "was ended by the system, most likely because memory ran out"
        elif code == NO_MEMORY:
            how = "ran out of memory"
        elif code < 0:
            with suppress(ValueError):
                how = f"crashed ({signal.Signals(-code).name})"
        return EngineLostError(
            f"The process that segments {how}. What was finished is kept, and so is everything "
            "that was drawn. Press Run to go on: it starts again; if it ends again, close other "
            "programs or choose another device."
        )
