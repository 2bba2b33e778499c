"""Which parts of a Labels layer an edit has touched, read from what napari tells of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mambaseg.corrections import Piece, as_planes
from mambaseg.session import plane_at

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["Part", "copy_parts", "parts_of"]


class Part(NamedTuple):
    """A part of a plane: rows from `top` up to `bottom`, columns from `left` up to `right`."""

    plane: int
    top: int
    left: int
    bottom: int
    right: int


def parts_of(shape: tuple[int, ...], atoms: Iterable[Any]) -> list[Part]:
    """Give the parts that the atoms of a stroke cover, in either form that napari gives them.

    Parameters
    ----------
    shape : tuple of int
        Of the mask.
    atoms : iterable
        The value of the event `paint`.
    """
    boxes: dict[int, Part] = {}
    for atom in atoms:
        key = getattr(atom, "slice_key", None)
        for part in _listed(shape, atom[0]) if key is None else _boxed(shape, key):
            known = boxes.get(part.plane)
            boxes[part.plane] = part if known is None else _both(known, part)
    return list(boxes.values())


def _both(one: Part, other: Part) -> Part:
    return Part(
        one.plane,
        *map(min, one[1:3], other[1:3]),
        *map(max, one[3:], other[3:]),
    )


def _boxed(shape: tuple[int, ...], key: tuple[Any, ...]) -> list[Part]:
    ranges = [range(*_slice(part).indices(n)) for part, n in zip(key, shape, strict=True)]
    rows, columns = ranges[-2:]
    if not rows or not columns:
        return []
    return [
        Part(_number(shape, place), rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
        for place in product(*ranges[:-2])
    ]


def _slice(part: Any) -> slice:
    return part if isinstance(part, slice) else slice(int(part), int(part) + 1)


def _listed(shape: tuple[int, ...], indices: tuple[Any, ...]) -> list[Part]:
    places = [np.asarray(axis).ravel() for axis in indices]
    rows, columns = places[-2:]
    planes = np.ravel_multi_index(places[:-2], shape[:-2]) if shape[:-2] else np.zeros_like(rows)
    order = np.argsort(planes, kind="stable")
    found, starts = np.unique(planes[order], return_index=True)
    return [
        Part(int(plane), int(r.min()), int(c.min()), int(r.max()) + 1, int(c.max()) + 1)
        for plane, r, c in zip(
            found,
            np.split(rows[order], starts[1:]),
            np.split(columns[order], starts[1:]),
            strict=True,
        )
    ]


def _number(shape: tuple[int, ...], place: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(place, shape[:-2])) if place else 0


def copy_parts(layer: Labels, parts: Iterable[Part]) -> list[Piece]:
    """Copy what parts of a mask hold now."""
    shape = layer.data.shape
    n_planes = as_planes(shape)[0]
    return [
        Piece(
            plane,
            top,
            left,
            np.array(layer.data[(*plane_at(shape, plane), slice(top, bottom), slice(left, right))]),
        )
        for plane, top, left, bottom, right in parts
        if plane < n_planes
    ]
