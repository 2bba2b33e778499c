"""Causal depthwise convolution with SiLU on a CPU, in any order of the sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from mambaseg.ops.cpu.arithmetic import sigmoid
from mambaseg.ops.cpu.compiling import inline, kernel
from mambaseg.ops.cpu.tiles import (
    AHEAD,
    FLAG,
    INT,
    MATRIX,
    SCRATCH,
    TILE,
    find_rows,
    read,
    take,
    write,
)
from mambaseg.ops.cpu.vectors import LANES, load, prefetch, store

__all__ = ["conv_backward", "conv_forward"]


@inline
def _convolve(x: Any, weight: Any, bias: Any, rows: Any, t: int, start: int, c: int) -> Any:
    """Give the convolution, ahead of SiLU, at the step that stands in rows[t + taps - 1]."""
    taps, width = weight.shape
    out = read(bias, 0, c, width - c)
    for j in range(taps):
        if start + t + j >= taps - 1:  # ahead of the sequence there are zeros
            tap = read(weight, j, c, width - c)
            out = tap * read(x, rows[t + j], c, width - c) + out
    return out


@kernel(types.void(*[MATRIX] * 4, INT, FLAG))
def conv_forward(x: Any, weight: Any, bias: Any, y: Any, chunks: int, backwards: bool) -> None:
    """Write SiLU(conv(x)) to y.

    Shapes: x, y (L, channels); weight (taps, channels), the last tap for the step itself;
    bias (1, channels).
    """
    length, width = x.shape
    taps = weight.shape[0]
    rows = np.empty(taps - 1 + TILE + AHEAD, np.int64)
    for start in range(0, length, TILE):
        find_rows(rows, start - (taps - 1), length, chunks, backwards)
        for t in range(min(TILE, length - start)):
            for c in range(0, width, LANES):
                prefetch(x, rows[t + taps - 1 + AHEAD], c)
                out = _convolve(x, weight, bias, rows, t, start, c)
                write(y, rows[t + taps - 1], c, width - c, out * sigmoid(out))


@kernel(types.void(*[MATRIX] * 7, SCRATCH, INT, FLAG))
def conv_backward(
    grad: Any,
    x: Any,
    weight: Any,
    bias: Any,
    grad_x: Any,
    grad_weight: Any,
    grad_bias: Any,
    scratch: Any,
    chunks: int,
    backwards: bool,
) -> None:
    """Give the gradients of x, weight and bias; scratch as `tasks.new_scratch` gives.

    The gradient at a step comes from the `taps` steps that follow, so a tile also looks at the
    first steps of the next one.
    """
    length, width = x.shape
    taps = weight.shape[0]
    before, scratch = take(scratch, TILE + taps - 1, (width + LANES - 1) // LANES * LANES)
    rows = np.empty(taps - 1 + TILE + taps - 1 + AHEAD, np.int64)
    grad_weight[:] = 0
    grad_bias[:] = 0
    for start in range(0, length, TILE):
        find_rows(rows, start - (taps - 1), length, chunks, backwards)
        steps = min(TILE, length - start)
        reach = min(TILE + taps - 1, length - start)
        for t in range(reach):
            row = rows[t + taps - 1]
            for c in range(0, width, LANES):
                count = width - c
                prefetch(x, rows[t + taps - 1 + AHEAD], c)
                prefetch(grad, rows[t + taps - 1 + AHEAD], c)
                out = _convolve(x, weight, bias, rows, t, start, c)
                s = sigmoid(out)
                g = read(grad, row, c, count) * s * (out * (1.0 - s) + 1.0)
                store(before, t, c, g)
                if t < steps:
                    write(grad_bias, 0, c, count, g + read(grad_bias, 0, c, count))
                    for j in range(taps):
                        if start + t + j >= taps - 1:
                            tap = read(grad_weight, j, c, count)
                            tap = g * read(x, rows[t + j], c, count) + tap
                            write(grad_weight, j, c, count, tap)
        for t in range(steps):
            for c in range(0, width, LANES):
                out = load(before, t, c) * read(weight, taps - 1, c, width - c)
                for j in range(1, min(taps, reach - t)):
                    tap = read(weight, taps - 1 - j, c, width - c)
                    out = load(before, t + j, c) * tap + out
                write(grad_x, rows[t + taps - 1], c, width - c, out)
