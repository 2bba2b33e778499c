"""What the kernels share: tiles of steps, the rows at which they stand, and partial rows."""

from __future__ import annotations

from typing import Any

from numba.core import types

from mambaseg.ops.cpu.compiling import inline
from mambaseg.ops.cpu.vectors import LANES, STATES, load, load_part, store, store_part

__all__ = [
    "AHEAD",
    "BLOCK",
    "FLAG",
    "INT",
    "MATRIX",
    "SCRATCH",
    "TILE",
    "ceil_div",
    "find_rows",
    "read",
    "take",
    "write",
]

TILE = 64
"""Steps that are taken through all of a task's channels before the next ones."""

AHEAD = 16
"""How many steps before its use a row is asked for: in orders other than the natural one the
processor does not foresee it."""

BLOCK = LANES * STATES

MATRIX = types.Array(types.float32, 2, "A")
SCRATCH = types.Array(types.float32, 1, "C")
INT, FLAG = types.intp, types.boolean


@inline
def ceil_div(a: int, b: int) -> int:
    """Divide, and round up."""
    return (a + b - 1) // b


@inline
def take(scratch: Any, rows: int, columns: int) -> Any:
    """Cut a matrix off the front of the scratch; gives it and the rest."""
    size = rows * columns
    return scratch[:size].reshape(rows, columns), scratch[size:]


@inline
def find_rows(rows: Any, start: int, length: int, chunks: int, backwards: bool) -> None:
    """Write where the steps from `start` on stand in the sequence (see `orders.Order`).

    Ahead of the first step and beyond the last it repeats their rows.
    """
    for t in range(len(rows)):
        step = min(max(start + t, 0), length - 1)
        if backwards:
            step = length - 1 - step
        if chunks > 1:
            step = (step % chunks) * (length // chunks) + step // chunks
        rows[t] = step


@inline
def read(array: Any, i: int, j: int, count: int) -> Any:
    """Read array[i, j:], of which at least `count` columns are there."""
    return load(array, i, j) if count >= LANES else load_part(array, i, j, count)


@inline
def write(array: Any, i: int, j: int, count: int, row: Any) -> None:
    """Write a row to array[i, j:], at most `count` columns."""
    if count >= LANES:
        store(array, i, j, row)
    else:
        store_part(array, i, j, count, row)
