"""The folders in which copies of models learn; none outlives its viewer for long."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mambaseg.corrections import corrections_folder
from mambaseg.types.errors import OutputError

__all__ = ["copies_folder", "own_folder"]

_LOCK = "lock"
_PATIENCE_S = 10.0


def copies_folder() -> Path:
    """Folder of all copies, where corrections lie: they hold as much of patients. It may not exist.

    Raises
    ------
    MambasegError
        As `corrections_folder`.
    """
    return corrections_folder() / "copies"


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder that goes with the context, and clear away those of viewers that were killed.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    home = copies_folder()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / _LOCK, timeout=_PATIENCE_S):
            for left in home.iterdir():
                if left.is_dir():
                    _clear(left)
            folder = Path(tempfile.mkdtemp(dir=home))
            lock = FileLock(folder / _LOCK, thread_local=False)
            lock.acquire()
    except (OSError, Timeout) as error:
        raise OutputError(
            f"A copy of the model cannot be put into {home}: {error}. Make room there, or see that "
            "you may write to it."
        ) from error
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Remove a folder that no viewer holds."""
    try:
        with FileLock(folder / _LOCK, timeout=0):
            pass
    except (OSError, Timeout):
        return
    shutil.rmtree(folder, ignore_errors=True)
