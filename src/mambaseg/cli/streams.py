"""Standard output and error whose readers may leave before the work is done."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any

__all__ = ["patient_streams"]

_LEFT = {errno.EPIPE, errno.EINVAL if sys.platform == "win32" else errno.EPIPE}
"""What a write to a pipe fails with that nobody reads any more."""


@contextmanager
def patient_streams() -> Iterator[None]:
    """Let work go on though whoever read what it says, `head` for example, has seen enough."""
    streams = [stream and _Patient(stream) for stream in (sys.stdout, sys.stderr)]
    out, err = streams  # None where there is no console
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        finally:
            for stream in filter(None, streams):
                with suppress(OSError):  # as Python does not when it ends
                    stream.flush()


class _Patient:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._let_go():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._let_go():
            self._stream.flush()

    @contextmanager
    def _let_go(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _LEFT:
                raise
            nobody = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nobody, self._stream.fileno())  # what is still in its buffer goes there, too
            os.close(nobody)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
