"""Differences between two states of a mask, plane by plane."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from mambaseg.corrections.planes import Mask, Planes, digest, pack, unpack
from mambaseg.types.errors import StoreError

__all__ = ["Patch", "Piece", "apply", "take_over"]


class Piece(NamedTuple):
    """What a part of a plane holds now: `values` (Y, X) from row `top` and column `left` on."""

    plane: int
    top: int
    left: int
    values: Mask


class Patch(NamedTuple):
    """The difference of a part of a plane: exclusive or, so that it leads forth and back.

    `before` and `after` are digests of the whole plane.
    """

    plane: int
    top: int
    left: int
    height: int
    width: int
    before: int
    after: int
    packed: bytes


def take_over(planes: Planes, pieces: Iterable[Piece]) -> tuple[Patch, ...]:
    """Put pieces into planes; gives what that changes, at most one patch per plane."""
    known: dict[int, Mask] = {}
    now: dict[int, Mask] = {}
    for plane, top, left, values in pieces:
        if plane not in now:
            known[plane] = planes[plane]
            now[plane] = known[plane].copy()
        height, width = values.shape
        now[plane][top : top + height, left : left + width] = values
    patches = []
    for plane, elements in now.items():
        found = _difference(known[plane], elements)
        if found is not None:
            before = planes.digest(plane)
            planes[plane] = elements
            top, left, values = found
            after = planes.digest(plane)
            height, width = values.shape
            patches.append(Patch(plane, top, left, height, width, before, after, pack(values)))
    return tuple(patches)


def apply(planes: Planes, patches: Iterable[Patch]) -> list[Piece]:
    """Apply differences in order; gives what the planes' parts hold then, one piece per plane.

    Raises
    ------
    StoreError
        If a plane is then not what the last difference says; it is left as it was.
    """
    by_plane: dict[int, list[Patch]] = {}
    for patch in patches:
        by_plane.setdefault(patch.plane, []).append(patch)
    pieces = []
    for plane, several in by_plane.items():
        elements = planes[plane]
        bits = elements.view(_unsigned(elements.dtype))
        for patch in several:
            part = unpack(patch.packed, (patch.height, patch.width), bits.dtype)
            bits[patch.top : patch.top + patch.height, patch.left : patch.left + patch.width] ^= (
                part
            )
        if digest(elements) != several[-1].after:
            raise StoreError("The journal does not fit its mask: a difference is damaged.")
        planes[plane] = elements
        top, left = min(p.top for p in several), min(p.left for p in several)
        bottom = max(p.top + p.height for p in several)
        right = max(p.left + p.width for p in several)
        pieces.append(Piece(plane, top, left, elements[top:bottom, left:right]))
    return pieces


def _unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"<u{dtype.itemsize}")


def _difference(before: Mask, after: Mask) -> tuple[int, int, Mask] | None:
    """Exclusive or of two planes, cut to where it is not 0, and where that begins."""
    kind = _unsigned(before.dtype)
    bits = np.ascontiguousarray(before).view(kind) ^ np.ascontiguousarray(after).view(kind)
    rows = np.flatnonzero(bits.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(bits.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    return top, left, bits[top : rows[-1] + 1, left : columns[-1] + 1]
