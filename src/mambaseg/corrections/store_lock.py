"""One writer of a store at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mambaseg.corrections.store_checks import check_folder
from mambaseg.types.errors import OutputError

__all__ = ["writing"]

_PATIENCE_S = 30.0


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Keep other processes from writing, and clear away what killed ones left."""
    lock = FileLock(folder / ".lock", timeout=_PATIENCE_S)
    try:
        check_folder(folder)
        for name in ("imagesTr", "labelsTr"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise OutputError(
            f"Another program has been writing to {folder} for {_PATIENCE_S:.0f} s: "
            "wait for it, or close it, and try again."
        ) from error
    except OSError as error:
        raise OutputError(
            f"Cannot write into {folder}: {error.strerror or error}. Choose a folder that "
            "you may write to."
        ) from error
    try:
        for leftover in folder.glob("**/.partial-*"):
            leftover.unlink(missing_ok=True)
        yield
    finally:
        lock.release()
