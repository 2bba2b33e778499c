"""Masks of any number of axes, plane by plane, and what happens to them now."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from typing import Any

import numpy as np

from mambaseg.corrections import Event, Piece, Planes, as_planes
from mambaseg.corrections.journal import user_name
from mambaseg.corrections.planes import digest

__all__ = ["changed_planes", "event_now", "plane_at", "read_planes"]


def event_now(kind: str, **more: Any) -> Event:
    """Give something that happens now, by who sits here."""
    return Event(kind, time.time(), user_name(), **more)


def plane_at(shape: Sequence[int], plane: int) -> tuple[int, ...]:
    """Index of a plane in a mask of any number of axes."""
    return tuple(int(one) for one in np.unravel_index(plane, shape[:-2])) if shape[:-2] else ()


def read_planes(data: Any) -> Planes:
    """Read a mask, one plane after another."""
    planes = Planes(as_planes(data.shape), np.dtype(data.dtype))
    for index in range(planes.shape[0]):
        plane = np.asarray(data[plane_at(data.shape, index)])
        if plane.any():
            planes[index] = plane
    return planes


def changed_planes(
    planes: Planes, data: Any, copied: Sequence[Piece], touched: Container[int]
) -> Iterator[Piece]:
    """Read those planes of a mask that are not what they were known to be.

    Parameters
    ----------
    planes : Planes
        What was known.
    data : array-like
        The mask, of the same shape.
    copied : sequence of Piece
        Whole planes that are not read, but taken from here.
    touched : container of int
        Planes that are drawn on meanwhile, which tells of itself; others may add to it.
    """
    yield from copied
    have = {piece.plane for piece in copied}
    for index in range(planes.shape[0]):
        if index not in have:
            plane = np.asarray(data[plane_at(data.shape, index)])
            if digest(plane) != planes.digest(index) and index not in touched:
                yield Piece(index, 0, 0, plane)
