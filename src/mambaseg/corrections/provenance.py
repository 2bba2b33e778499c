"""Who verified what, when and how: one JSON object per line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mambaseg.corrections.journal import user_name
from mambaseg.files import write_whole

__all__ = ["FILE_NAME", "Line", "append_line", "forget_name", "plain", "read_lines"]

FILE_NAME = "provenance.jsonl"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """Give a mapping in JSON's types; what has no form there becomes text."""
    made: dict[str, Any] = json.loads(json.dumps(dict(content), default=str))
    return made


class Line(BaseModel):
    """Something that was done to a store.

    Parameters
    ----------
    action : str
        "verified", "unverified", "removed" or "merged".
    case : str
        Identifier of the clip.
    frames : tuple of int
        Frames (or slices) that it concerns; empty for the whole clip.
    provenance : dict
        What the mask was made by.
    edits : tuple of dict
        How the masks came about: kind, user, model, number of steps, first and last time.
    origin : str
        The store that it came from, where stores were merged.
    time, user, mambaseg : str
        When (ISO 8601, UTC), who, and with which version.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    format_version: Literal[1] = 1
    action: Literal["verified", "unverified", "removed", "merged"]
    case: str
    frames: tuple[int, ...] = ()
    provenance: dict[str, Any] = {}
    edits: tuple[dict[str, Any], ...] = ()
    origin: str = ""
    time: str = Field(default_factory=_now)
    user: str = Field(default_factory=user_name)
    mambaseg: str = Field(default_factory=lambda: version("mambaseg"))


def append_line(folder: Path, *lines: Line) -> None:
    """Add lines to a store's file, on a line of their own each, and have them on the disk.

    That the masks are kept matters more: a disk that takes them, but not this, is no error.
    """
    always = {"format_version", "time", "user", "mambaseg"}
    text = "".join(
        json.dumps(line.model_dump(exclude_defaults=True) | line.model_dump(include=always)) + "\n"
        for line in lines
    )
    with suppress(OSError), (folder / FILE_NAME).open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # one that was killed while it wrote
                text = "\n" + text
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def forget_name(folder: Path, digest: str) -> bool:
    """Leave of a case's name only its digest; whether it stood there. Raises OutputError."""
    path = folder / FILE_NAME
    if not path.exists():
        return False
    text, count = re.subn(f"[A-Za-z0-9_-]+_{digest}".encode(), digest.encode(), path.read_bytes())
    if count:
        with write_whole(path) as temporary:
            temporary.write_bytes(text)
    return bool(count)


def read_lines(folder: Path) -> list[Line]:
    """Read a store's lines; those that are cut or not ours are left out."""
    found = []
    with suppress(OSError):
        for text in (folder / FILE_NAME).read_bytes().splitlines():
            with suppress(ValidationError):
                found.append(Line.model_validate_json(text))
    return found
