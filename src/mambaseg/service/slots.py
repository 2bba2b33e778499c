"""Slots of equal size in memory that two processes share.

The viewer's process makes the memory, and takes its name away as soon as the other one holds it,
so that nothing is left behind, whichever of the two is killed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.files import reserve
from mambaseg.types.errors import OutOfMemoryError

__all__ = ["SharedBlock", "Slots", "lay_out"]

_PAGE = 4096


@dataclass(frozen=True)
class Slots:
    """Where some slots lie in shared memory.

    Parameters
    ----------
    offset : int
        Byte at which the first one begins.
    count : int
        How many.
    shape : tuple of int
        Of what each holds.
    dtype : numpy.dtype
        Of its elements.
    """

    offset: int
    count: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def end(self) -> int:
        """Byte after the last one, in whole pages."""
        size = self.count * int(np.prod(self.shape)) * self.dtype.itemsize
        return self.offset + -(-size // _PAGE) * _PAGE


def lay_out(*groups: tuple[int, tuple[int, ...], np.dtype[Any]]) -> list[Slots]:
    """Place groups of slots, each of a count, a shape and a type, one behind the other."""
    placed: list[Slots] = []
    for count, shape, dtype in groups:
        placed.append(Slots(placed[-1].end if placed else 0, count, shape, dtype))
    return placed


class SharedBlock:
    """Shared memory, made here or by another process.

    Parameters
    ----------
    size : int
        Bytes to make; 0 to open one that is there.
    name : str
        Of the one to open.

    Raises
    ------
    OutOfMemoryError
        If there is no room.
    """

    def __init__(self, size: int = 0, name: str = "") -> None:
        self._memory = _make(size) if size else _open(name)
        self._has_name = bool(size)

    @property
    def name(self) -> str:
        """How another process finds it."""
        return self._memory.name

    def array(self, slots: Slots) -> NDArray[Any]:
        """Give slots, shape (count, *shape); they must be let go of ahead of `close`."""
        shape = (slots.count, *slots.shape)
        return np.ndarray(shape, slots.dtype, self._memory.buf, slots.offset)

    def forget_name(self) -> None:
        """Have the memory go once nobody holds it any more."""
        if self._has_name:
            self._has_name = False
            self._memory.unlink()

    def close(self) -> None:
        """Let go of it."""
        self.forget_name()
        with suppress(BufferError):  # an error's traceback holds a view; it goes with that
            self._memory.close()


def _make(size: int) -> SharedMemory:
    folder = Path("/dev/shm")  # noqa: S108 - Linux's shared memory
    if folder.is_dir() and (free := shutil.disk_usage(folder).free) < size:
        raise _no_room(size, f"{free / 2**20:.0f} MB are free in {folder}")
    try:
        # At most 31 characters, which is all that macOS takes.
        name = f"mambaseg-{os.getpid()}-{secrets.token_hex(4)}"
        memory = SharedMemory(name, create=True, size=size)
        if folder.is_dir():
            try:
                with (folder / name).open("r+b") as file:
                    reserve(file.fileno(), size)
            except OSError:
                memory.close()
                memory.unlink()
                raise
        return memory
    except OSError as error:
        raise _no_room(size, error.strerror or str(error)) from error


def _no_room(size: int, found: str) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"The image cannot be handed to the process that segments: {size / 2**20:.0f} MB of "
        f"shared memory are needed, but {found}. Close other programs, and run again."
    )


def _open(name: str) -> SharedMemory:
    """Open without taking charge of it, for whoever made it removes it."""
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    register = resource_tracker.register
    resource_tracker.register = lambda *_: None  # Python 3.12 knows no other way
    try:
        return SharedMemory(name)
    finally:
        resource_tracker.register = register
