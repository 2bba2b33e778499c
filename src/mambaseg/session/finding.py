"""Which images lie at a path."""

from __future__ import annotations

from pathlib import Path

from mambaseg.data.parts import Part, list_parts

__all__ = ["find_images"]


def find_images(path: Path) -> list[Part]:
    """List what can be opened at a path; see `mambaseg.data.parts.list_parts`."""
    return list_parts(path)
