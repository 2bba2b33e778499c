"""The scan on a CPU, backward.

It takes the tiles of the forward pass from the last to the first. The state ahead of each tile was
kept; from it (1) a block of channels walks forward again and leaves its states and decays in
scratch, then (2) walks back with the adjoint of the state in registers. With g the adjoint,

    g[t] = C[t] gy[t] + decay[t+1] g[t+1],

the gradients of C, B, and of the drive dt u at t are gy h[t], g dt u, and B . g; that of dt A is
g decay[t] h[t-1].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from mambaseg.ops.cpu.arithmetic import exp2, sigmoid
from mambaseg.ops.cpu.compiling import inline, kernel
from mambaseg.ops.cpu.forward import fill_rates, gather_states, gather_tile
from mambaseg.ops.cpu.tiles import (
    AHEAD,
    BLOCK,
    FLAG,
    INT,
    MATRIX,
    SCRATCH,
    TILE,
    ceil_div,
    find_rows,
    read,
    take,
    write,
)
from mambaseg.ops.cpu.vectors import (
    LANES,
    STATES,
    dot,
    lane_sums,
    load,
    load_block,
    prefetch,
    repeat,
    spread,
    store,
)

__all__ = ["backward"]

LOG_2 = 0.6931471805599453


@inline
def _load_state(kept: Any, tile: int, state: Any, n_states: int) -> None:
    width, groups = kept.shape[1], ceil_div(n_states, STATES)
    for c in range(0, width, LANES):
        for n in range(n_states):
            row = read(kept, tile * n_states + n, c, width - c)
            store(state, (c // LANES) * groups + n // STATES, (n % STATES) * LANES, row)


@inline
def _gather_grad(grad: Any, z: Any, rows: Any, steps: int, gate: bool, grad_y: Any) -> None:
    """Fill the tile's gradient of the ungated output."""
    width = grad.shape[1]
    for t in range(steps):
        for c in range(0, width, LANES):
            prefetch(grad, rows[t + AHEAD], c)
            out = read(grad, rows[t], c, width - c)
            if gate:
                prefetch(z, rows[t + AHEAD], c)
                gates = read(z, rows[t], c, width - c)
                out = out * gates * sigmoid(gates)
            store(grad_y, t, c, out)


@inline
def _walk_forward(
    step: Any,
    drive: Any,
    y: Any,
    B: Any,
    C: Any,
    A: Any,
    h: Any,
    states: Any,
    decays: Any,
    c: int,
    n: int,
    steps: int,
) -> None:
    store(states, 0, 0, h)
    for t in range(steps):
        decay = exp2(repeat(load(step, t, c)) * A)
        h = decay * h + repeat(load(drive, t, c)) * spread(B, t, n)
        store(decays, t, 0, decay)
        store(states, t + 1, 0, h)
        store(y, t, c, dot(h, spread(C, t, n), load(y, t, c)))


@inline
def _walk_back(
    step: Any,
    drive: Any,
    grad_y: Any,
    B: Any,
    C: Any,
    A: Any,
    adjoint: Any,
    grad_A: Any,
    states: Any,
    decays: Any,
    grad_B: Any,
    grad_C: Any,
    grad_drive: Any,
    grad_step: Any,
    i: int,
    c: int,
    n: int,
    steps: int,
) -> None:
    g = load_block(adjoint, i, 0)
    of_A = load_block(grad_A, i, 0)
    for t in range(steps - 1, -1, -1):
        gy = repeat(load(grad_y, t, c))
        g = gy * spread(C, t, n) + g
        store(
            grad_C,
            t,
            n * LANES,
            gy * load_block(states, t + 1, 0) + load_block(grad_C, t, n * LANES),
        )
        store(
            grad_B, t, n * LANES, repeat(load(drive, t, c)) * g + load_block(grad_B, t, n * LANES)
        )
        store(grad_drive, t, c, dot(g, spread(B, t, n), load(grad_drive, t, c)))
        g = g * load_block(decays, t, 0)
        through_decay = g * load_block(states, t, 0)
        of_A = through_decay * repeat(load(step, t, c)) + of_A
        store(grad_step, t, c, dot(through_decay, A, load(grad_step, t, c)))
    store(adjoint, i, 0, g)
    store(grad_A, i, 0, of_A)


@inline
def _write_states(target: Any, tile: Any, sums: Any, rows: Any, steps: int) -> None:
    """Sum a tile's gradients of B or C over channels."""
    for t in range(steps):
        for n in range(0, target.shape[1], STATES):
            store(sums, 0, n, lane_sums(load_block(tile, t, n * LANES)))
        for n in range(target.shape[1]):
            target[rows[t], n] = sums[0, n]


@inline
def _write_channels(
    u: Any,
    delta: Any,
    D: Any,
    bias: Any,
    step: Any,
    grad_y: Any,
    grad_drive: Any,
    grad_step: Any,
    grad_u: Any,
    grad_delta: Any,
    grad_D: Any,
    grad_bias: Any,
    rows: Any,
    steps: int,
    use_softplus: bool,
) -> None:
    width = u.shape[1]
    for t in range(steps):
        for c in range(0, width, LANES):
            count = width - c
            x = read(u, rows[t], c, count)
            gy, of_drive = load(grad_y, t, c), load(grad_drive, t, c)
            write(
                grad_u, rows[t], c, count, of_drive * load(step, t, c) + gy * read(D, 0, c, count)
            )
            of_step = load(grad_step, t, c) * LOG_2 + of_drive * x
            if use_softplus:
                before = read(delta, rows[t], c, count) + read(bias, 0, c, count)
                of_step = of_step * sigmoid(before)
            write(grad_delta, rows[t], c, count, of_step)
            write(grad_bias, 0, c, count, read(grad_bias, 0, c, count) + of_step)
            write(grad_D, 0, c, count, gy * x + read(grad_D, 0, c, count))


@inline
def _write_gate(
    grad: Any, z: Any, y: Any, grad_z: Any, rows: Any, steps: int, accumulate: bool, last: bool
) -> None:
    """Sum the directions' ungated outputs where the gate's gradient goes; the last turns it."""
    width = grad.shape[1]
    for t in range(steps):
        for c in range(0, width, LANES):
            out = load(y, t, c)
            if accumulate:
                out = out + read(grad_z, rows[t], c, width - c)
            if last:
                gates = read(z, rows[t], c, width - c)
                s = sigmoid(gates)
                slope = s * (gates * (1.0 - s) + 1.0)
                out = out * slope * read(grad, rows[t], c, width - c)
            write(grad_z, rows[t], c, width - c, out)


@kernel(types.void(*[MATRIX] * 18, SCRATCH, INT, *[FLAG] * 5))
def backward(
    grad: Any,
    u: Any,
    delta: Any,
    A: Any,
    B: Any,
    C: Any,
    D: Any,
    bias: Any,
    z: Any,
    kept: Any,
    grad_u: Any,
    grad_delta: Any,
    grad_A: Any,
    grad_B: Any,
    grad_C: Any,
    grad_D: Any,
    grad_bias: Any,
    grad_z: Any,
    scratch: Any,
    chunks: int,
    backwards: bool,
    use_softplus: bool,
    gate: bool,
    accumulate: bool,
    last: bool,
) -> None:
    """Give the gradients of one task's channels in one direction.

    Shapes as in `forward`; each gradient has the shape of what it belongs to.
    """
    length, width = u.shape
    n_states = A.shape[1]
    groups = ceil_div(n_states, STATES)
    padded = groups * STATES
    channels = ceil_div(width, LANES) * LANES
    blocks = channels // LANES * groups

    step, scratch = take(scratch, TILE, channels)
    drive, scratch = take(scratch, TILE, channels)
    tile, scratch = take(scratch, TILE, channels)
    tile_B, scratch = take(scratch, TILE, padded)
    tile_C, scratch = take(scratch, TILE, padded)
    rates, scratch = take(scratch, blocks, BLOCK)
    state, scratch = take(scratch, blocks, BLOCK)
    adjoint, scratch = take(scratch, blocks, BLOCK)
    of_A, scratch = take(scratch, blocks, BLOCK)
    of_B, scratch = take(scratch, TILE, padded * LANES)
    of_C, scratch = take(scratch, TILE, padded * LANES)
    sums, scratch = take(scratch, 1, padded)
    grad_y, scratch = take(scratch, TILE, channels)
    of_drive, scratch = take(scratch, TILE, channels)
    of_step, scratch = take(scratch, TILE, channels)
    states, scratch = take(scratch, TILE + 1, BLOCK)
    decays, scratch = take(scratch, TILE, BLOCK)

    rows = np.empty(TILE + AHEAD, np.int64)
    fill_rates(rates, A)
    for clean in (adjoint, of_A, tile_B, tile_C, state):
        clean[:] = 0
    grad_D[:] = 0
    grad_bias[:] = 0
    for number in range(ceil_div(length, TILE) - 1, -1, -1):
        start = number * TILE
        steps = min(TILE, length - start)
        find_rows(rows, start, length, chunks, backwards)
        _load_state(kept, number, state, n_states)
        gather_states(tile_B, B, rows, steps)
        gather_states(tile_C, C, rows, steps)
        gather_tile(u, delta, D, bias, rows, steps, use_softplus, step, drive, tile)
        _gather_grad(grad, z, rows, steps, gate, grad_y)
        for clean in (of_B, of_C, of_drive, of_step):
            clean[:] = 0
        for i in range(blocks):
            c, n = (i // groups) * LANES, (i % groups) * STATES
            rate = load_block(rates, i, 0)
            h = load_block(state, i, 0)
            _walk_forward(step, drive, tile, tile_B, tile_C, rate, h, states, decays, c, n, steps)
            _walk_back(
                step,
                drive,
                grad_y,
                tile_B,
                tile_C,
                rate,
                adjoint,
                of_A,
                states,
                decays,
                of_B,
                of_C,
                of_drive,
                of_step,
                i,
                c,
                n,
                steps,
            )
        _write_states(grad_B, of_B, sums, rows, steps)
        _write_states(grad_C, of_C, sums, rows, steps)
        _write_channels(
            u,
            delta,
            D,
            bias,
            step,
            grad_y,
            of_drive,
            of_step,
            grad_u,
            grad_delta,
            grad_D,
            grad_bias,
            rows,
            steps,
            use_softplus,
        )
        if gate:
            _write_gate(grad, z, tile, grad_z, rows, steps, accumulate, last)
    for c in range(width):
        for n in range(n_states):
            row = (c // LANES) * groups + n // STATES
            grad_A[c, n] = of_A[row, (n % STATES) * LANES + c % LANES]
