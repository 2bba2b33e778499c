"""Standard output and error whose readers may leave before the work is done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

__all__ = ["patient_streams"]


@contextmanager
def patient_streams() -> Iterator[None]:
    """Let work go on though whoever read what it says, `head` for example, has seen enough."""
    out, err = _patient(sys.stdout), _patient(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        finally:
            for stream in (out, err):
                if stream is not None:
                    stream.flush()


class _Patient:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except BrokenPipeError:
            self._let_go()
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._let_go()

    def _let_go(self) -> None:
        nobody = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nobody, self._stream.fileno())  # what is still in its buffer goes there, too
        os.close(nobody)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _patient(stream: Any) -> Any:
    return None if stream is None else _Patient(stream)  # None where there is no console
