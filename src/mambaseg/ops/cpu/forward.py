"""The scan on a CPU, forward.

A task is a run of neighbouring channels that share B and C. It goes through the sequence in tiles:
(1) the tile's rows are gathered into scratch, with softplus; (2) each block of channels walks
through the tile with its states in registers; (3) results are written, with the gate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from mambaseg.ops.cpu.arithmetic import LOG2_E, exp2, sigmoid, softplus
from mambaseg.ops.cpu.compiling import inline, kernel
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
    load,
    load_block,
    prefetch,
    repeat,
    spread,
    store,
)

__all__ = ["fill_rates", "forward", "gather_states", "gather_tile"]


@inline
def fill_rates(rates: Any, A: Any) -> None:
    """Lay A log2(e) out in blocks; channels and states that are only padding get 0."""
    rates[:] = 0
    width, n_states = A.shape
    groups = ceil_div(n_states, STATES)
    for c in range(width):
        for n in range(n_states):
            row = (c // LANES) * groups + n // STATES
            rates[row, (n % STATES) * LANES + c % LANES] = A[c, n] * LOG2_E


@inline
def gather_states(target: Any, source: Any, rows: Any, steps: int) -> None:
    """Copy the tile's rows of B or C."""
    for t in range(steps):
        prefetch(source, rows[t + AHEAD], 0)
        for n in range(source.shape[1]):
            target[t, n] = source[rows[t], n]


@inline
def gather_tile(
    u: Any,
    delta: Any,
    D: Any,
    bias: Any,
    rows: Any,
    steps: int,
    use_softplus: bool,
    step: Any,
    drive: Any,
    y: Any,
) -> None:
    """Fill the tile's time steps dt, what drives the state dt u, and the skip D u."""
    width = u.shape[1]
    for t in range(steps):
        for c in range(0, width, LANES):
            prefetch(u, rows[t + AHEAD], c)
            prefetch(delta, rows[t + AHEAD], c)
            x = read(u, rows[t], c, width - c)
            dt = read(delta, rows[t], c, width - c) + read(bias, 0, c, width - c)
            if use_softplus:
                dt = softplus(dt)
            store(step, t, c, dt)
            store(drive, t, c, dt * x)
            store(y, t, c, x * read(D, 0, c, width - c))


@inline
def _scan_tile(
    step: Any, drive: Any, y: Any, B: Any, C: Any, rates: Any, state: Any, steps: int
) -> None:
    groups = B.shape[1] // STATES
    for i in range(rates.shape[0]):
        c, n = (i // groups) * LANES, (i % groups) * STATES
        A = load_block(rates, i, 0)
        h = load_block(state, i, 0)
        for t in range(steps):
            decay = exp2(repeat(load(step, t, c)) * A)
            h = decay * h + repeat(load(drive, t, c)) * spread(B, t, n)
            store(y, t, c, dot(h, spread(C, t, n), load(y, t, c)))
        store(state, i, 0, h)


@inline
def _save_state(kept: Any, tile: int, state: Any, n_states: int) -> None:
    width, groups = kept.shape[1], ceil_div(n_states, STATES)
    for c in range(0, width, LANES):
        for n in range(n_states):
            row = load(state, (c // LANES) * groups + n // STATES, (n % STATES) * LANES)
            write(kept, tile * n_states + n, c, width - c, row)


@inline
def _write_tile(
    y: Any, z: Any, tile: Any, rows: Any, steps: int, accumulate: bool, gate: bool
) -> None:
    width = y.shape[1]
    for t in range(steps):
        for c in range(0, width, LANES):
            out = load(tile, t, c)
            prefetch(y, rows[t + AHEAD], c)
            if accumulate:
                out = out + read(y, rows[t], c, width - c)
            if gate:
                prefetch(z, rows[t + AHEAD], c)
                gates = read(z, rows[t], c, width - c)
                out = out * gates * sigmoid(gates)
            write(y, rows[t], c, width - c, out)


@kernel(types.void(*[MATRIX] * 10, SCRATCH, INT, *[FLAG] * 5))
def forward(
    u: Any,
    delta: Any,
    A: Any,
    B: Any,
    C: Any,
    D: Any,
    bias: Any,
    z: Any,
    y: Any,
    kept: Any,
    scratch: Any,
    chunks: int,
    backwards: bool,
    use_softplus: bool,
    accumulate: bool,
    gate: bool,
    keep: bool,
) -> None:
    """Scan one task's channels in one direction.

    Shapes: u, delta, z, y (L, channels); A (channels, N); B, C (L, N); D, bias (1, channels);
    kept (tiles * N, channels), the state ahead of every tile; scratch as `tasks.new_scratch` gives.
    """
    length, width = u.shape
    n_states = A.shape[1]
    padded = ceil_div(n_states, STATES) * STATES
    channels = ceil_div(width, LANES) * LANES
    blocks = channels // LANES * (padded // STATES)

    step, scratch = take(scratch, TILE, channels)
    drive, scratch = take(scratch, TILE, channels)
    tile, scratch = take(scratch, TILE, channels)
    tile_B, scratch = take(scratch, TILE, padded)
    tile_C, scratch = take(scratch, TILE, padded)
    rates, scratch = take(scratch, blocks, BLOCK)
    state, scratch = take(scratch, blocks, BLOCK)

    rows = np.empty(TILE + AHEAD, np.int64)
    fill_rates(rates, A)
    state[:] = 0
    tile_B[:] = 0
    tile_C[:] = 0
    for start in range(0, length, TILE):
        steps = min(TILE, length - start)
        find_rows(rows, start, length, chunks, backwards)
        if keep:
            _save_state(kept, start // TILE, state, n_states)
        gather_states(tile_B, B, rows, steps)
        gather_states(tile_C, C, rows, steps)
        gather_tile(u, delta, D, bias, rows, steps, use_softplus, step, drive, tile)
        _scan_tile(step, drive, tile, tile_B, tile_C, rates, state, steps)
        _write_tile(y, z, tile, rows, steps, accumulate, gate)
