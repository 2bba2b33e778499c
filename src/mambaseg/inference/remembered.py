"""What helped when memory ran short, remembered for the next time."""

from __future__ import annotations

import json
import logging
import platform
from pathlib import Path

import platformdirs
from pydantic import Field, ValidationError

from mambaseg.files import write_whole
from mambaseg.inference.rungs import Rung
from mambaseg.types.errors import MambasegError
from mambaseg.types.schema import Schema, VersionedSchema

__all__ = ["recall", "remember", "remembered_file"]

_log = logging.getLogger(__name__)

_MORE = 1.25
"""With so many times the memory that was free, what helped then is not needed."""


class _Helped(Schema):
    free_bytes: int
    rungs: tuple[Rung, ...]


class _Remembered(VersionedSchema):
    """Rungs by machine, device and model."""

    helped: dict[str, _Helped] = Field(default_factory=dict)


def remembered_file() -> Path:
    """Where it lies, in the platform's cache folder."""
    return platformdirs.user_cache_path("mambaseg", appauthor=False) / "memory.json"


def recall(sha256: str, device: str, free_bytes: int) -> tuple[Rung, ...]:
    """Give the rungs that helped a model on this machine when about as much was free.

    Parameters
    ----------
    sha256 : str
        Of the model.
    device : str
    free_bytes : int
        What the device has left now.
    """
    found = _read().helped.get(_key(sha256, device))
    if found is None or free_bytes > _MORE * found.free_bytes:
        return ()
    return found.rungs


def remember(sha256: str, device: str, free_bytes: int, rungs: tuple[Rung, ...]) -> None:
    """Keep what helped; a file that cannot be written is passed over.

    Parameters
    ----------
    free_bytes : int
        What the device had left as the run began.
    """
    helped = {**_read().helped, _key(sha256, device): _Helped(free_bytes=free_bytes, rungs=rungs)}
    try:
        with write_whole(remembered_file()) as temporary:
            text = _Remembered(helped=helped).model_dump_json(indent=2)
            temporary.write_text(text + "\n", encoding="utf-8")
    except MambasegError as error:
        _log.info("what helped against a lack of memory is not remembered: %s", error)


def _key(sha256: str, device: str) -> str:
    return f"{platform.node()} {device} {sha256}"


def _read() -> _Remembered:
    try:
        return _Remembered.model_validate(json.loads(remembered_file().read_text("utf-8")))
    except (OSError, ValueError, ValidationError, RecursionError) as error:
        _log.info("nothing is remembered about memory: %s", error)
        return _Remembered()
