"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mambaseg.types.errors import OutputError

__all__ = [
    "check_writable",
    "check_writable_file",
    "clear_leftovers",
    "reserve",
    "write_folder_whole",
    "write_whole",
]


_TOLD = 48
"""Letters at the end of a file's name, suffixes included, that its temporary one ends with."""


def _beside(target: Path) -> Path:
    """Give a new name in the target's folder, so that moving it there is one step."""
    return target.with_name(f".partial-{secrets.token_hex(8)}-{target.name[-_TOLD:]}")


def clear_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove what a process left that was killed while it wrote a file; no one may write it now."""
    target = Path(path)
    for leftover in target.parent.glob(f".partial-*-{glob.escape(target.name[-_TOLD:])}"):
        with suppress(OSError):
            leftover.unlink()


def _sync(path: Path, flags: int = os.O_RDWR) -> None:
    # Windows flushes only what is open for writing.
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder to sync it; there the rename alone has to do.
    if os.name == "posix":
        _sync(folder, os.O_RDONLY)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(
        f"Cannot write {path}: {reason}. Nothing was left behind; "
        "choose a folder that exists, that you may write to and that has room."
    )


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Refuse a folder that cannot be written to, before long work begins.

    The folder is made if it does not exist.

    Raises
    ------
    OutputError
        If it cannot be made or written to.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"Cannot write into the output folder {folder}: {error.strerror or error}. "
            "Choose a folder that you may write to."
        ) from error


def check_writable_file(path: str | os.PathLike[str]) -> None:
    """Refuse a file that cannot be written, before long work begins; raises as `check_writable`."""
    if Path(path).is_dir():
        raise OutputError(f"{path} is a folder; name a file to write.")
    check_writable(Path(path).parent)


def reserve(descriptor: int, size: int) -> None:
    """Give an open file its size, with room for all of it, before it is mapped into memory.

    A file that is made larger alone takes room only as it is written to; through a
    mapping, a disk that is full by then ends the process by a signal.

    Raises
    ------
    OSError
        If there is no room.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # Windows takes the room at once; macOS does not, and knows no other way
        os.ftruncate(descriptor, size)


@contextmanager
def write_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write, and move it to `path` when the block ends well.

    The temporary file lies in the same folder and keeps all suffixes, so that
    libraries that choose a format by suffix see the right one. It is flushed to
    the disk before the rename. If the block raises, it is removed and whatever
    stood at `path` stays as it was.

    Parameters
    ----------
    path : path-like
        Where the finished file will stand. Its folder is created if needed.

    Yields
    ------
    Path
        The temporary path.

    Raises
    ------
    OutputError
        If the file cannot be written, flushed or moved.
    """
    target = Path(path)
    temporary = _beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        yield temporary
        _sync(temporary)
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        with suppress(OSError):  # nothing was made where the folder is none
            temporary.unlink()


@contextmanager
def write_folder_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder to fill, and move it to `path` when the block ends well.

    A folder that already stands at `path` is replaced as a whole, and only then.

    Parameters
    ----------
    path : path-like
        Where the finished folder will stand. Its parent is created if needed.

    Yields
    ------
    Path
        The temporary folder, empty.

    Raises
    ------
    OutputError
        If the folder cannot be written or moved.
    """
    target = Path(path)
    temporary, retired = _beside(target), _beside(target)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _sync(file)
        if target.is_file():
            raise NotADirectoryError(errno.ENOTDIR, "a file of that name is there")
        if target.exists():
            target.replace(retired)
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        if retired.exists() and not target.exists():
            retired.replace(target)  # the new folder could not take its place
        for leftover in (temporary, retired):
            shutil.rmtree(leftover, ignore_errors=True)
