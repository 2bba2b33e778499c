"""The scan's kernels, forward; two of them serve the backward pass too.

A program takes one block of channels through one chunk of steps, a whole number of tiles. Each
lane holds a channel or two with all their states in registers: a step then needs no exchange
between lanes, and all loads are coalesced over channels, in any order of the tokens. If the
sequence is cut into several chunks,

- `local_states` gives the state that each chunk leaves when entered with zero;
- `carry` scans these, and gives the state that enters each;
- `scan` takes the chunks from there.

States of chunks lie as (K, B, slots, N, D), in the order in which the chunks are walked: slot s
belongs to what enters chunk s. For `carry` the time steps of a chunk are summed in
(K, B, slots, D).
"""

from __future__ import annotations

import triton
import triton.language as tl

from mambaseg.ops.triton.pieces import (
    LOG2_E,
    TILE,
    pick,
    pick_order,
    row_of,
    sigmoid,
    softplus,
)

__all__ = ["carry", "combine", "local_states", "scan"]

_RUNTIME = ["length", "heads", "batch", "slots", "chunk", "orders", "strides", "one"]


@triton.jit(do_not_specialize=_RUNTIME)
def local_states(
    x,  # K of (B, L, D): u; of the adjoint, the gradient of y
    delta,
    A,  # (K, D, N)
    P,  # K of (B, L, G, N): B; of the adjoint, C
    bias,  # (K, D)
    states,
    steps,
    orders,
    strides,  # of x, delta and P: batch, token, and of P group
    length,
    heads,
    batch,
    slots,
    chunk,
    one,
    STATES: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_D: tl.constexpr,
    GROUPS: tl.constexpr,
    SOFTPLUS: tl.constexpr,
    BIAS: tl.constexpr,
    ADJOINT: tl.constexpr,
):
    """Leave in slot s + 1 what chunk s gives when entered with zero; the adjoint walks back."""
    per_group = tl.cdiv(heads, BLOCK_D)
    block = tl.program_id(0) % (per_group * GROUPS)
    slot = tl.program_id(0) // (per_group * GROUPS)
    k = tl.program_id(1) // batch
    b = tl.program_id(1) % batch
    group = block // per_group
    d = (block % per_group) * BLOCK_D + tl.arange(0, BLOCK_D)
    inside = d < heads
    d = d + group * heads
    width = heads * GROUPS
    n = tl.arange(0, BLOCK_N)
    real = n < STATES
    both = real[:, None] & inside[None, :]
    cells = (n * width)[:, None] + d[None, :]

    rates = tl.load(
        A + k * width * STATES + d[None, :] * (one * STATES) + (n * one)[:, None], both, 0.0
    )
    rates = rates.to(tl.float32) * LOG2_E
    shift = tl.zeros([BLOCK_D], tl.float32)
    if BIAS:
        shift = tl.load(bias + k * width + d, inside, 0.0).to(tl.float32)
    order = pick_order(orders, k)
    x = pick(x, k) + b.to(tl.int64) * strides[0]
    delta = pick(delta, k) + b.to(tl.int64) * strides[2]
    P = pick(P, k) + b.to(tl.int64) * strides[4] + group * strides[6]

    h = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    total = tl.zeros([BLOCK_D], tl.float32)
    start = (slots - 1 - slot) * chunk if ADJOINT else slot * chunk
    count = tl.minimum(chunk, length - start)
    for i in range(count):
        t = start + i
        if ADJOINT:
            t = start + count - 1 - i
        row = row_of(t, length, order)
        dt = tl.load(delta + row * strides[3] + d, inside, 0.0).to(tl.float32) + shift
        if SOFTPLUS:
            dt = softplus(dt)
        drive = tl.load(x + row * strides[1] + d, inside, 0.0).to(tl.float32)
        p = tl.load(P + row * strides[5] + n, real, 0.0).to(tl.float32)
        decay = tl.exp2(rates * dt[None, :])
        if ADJOINT:
            h = (h + p[:, None] * drive[None, :]) * decay
        else:
            h = h * decay + p[:, None] * (drive * dt)[None, :]
        total += dt
    slot = (k * batch + b).to(tl.int64) * slots + slot + 1
    tl.store(states + slot * (STATES * width) + cells, h, both)
    tl.store(steps + slot * width + d, total, inside)


@triton.jit
def _compose(first_decay, first, second_decay, second):
    return first_decay * second_decay, second_decay * first + second


@triton.jit(do_not_specialize=["width", "slots", "batch"])
def carry(
    A,
    states,
    steps,
    width,
    slots,
    batch,
    STATES: tl.constexpr,
    BLOCK_S: tl.constexpr,
    BLOCK_E: tl.constexpr,
):
    """Turn what chunks leave when entered with zero into what enters each, in place."""
    e = tl.program_id(0) * BLOCK_E + tl.arange(0, BLOCK_E)
    k = tl.program_id(1) // batch
    inside = e < STATES * width
    d = e % width
    rates = tl.load(A + (k * width + d) * STATES + e // width, inside, 0.0).to(tl.float32) * LOG2_E
    first = tl.program_id(1).to(tl.int64) * slots
    entering = tl.zeros([1, BLOCK_E], tl.float32)
    for start in range(0, slots, BLOCK_S):
        s = start + tl.arange(0, BLOCK_S)
        both = ((s > 0) & (s < slots))[:, None] & inside[None, :]
        s = (first + s)[:, None]
        left = tl.load(states + s * (STATES * width) + e[None, :], both, 0.0)
        decay = tl.exp2(rates[None, :] * tl.load(steps + s * width + d[None, :], both, 0.0))
        decay, left = tl.associative_scan((decay, left), 0, _compose)
        h = decay * entering + left
        inside_slots = (start + tl.arange(0, BLOCK_S) < slots)[:, None] & inside[None, :]
        tl.store(states + s * (STATES * width) + e[None, :], h, inside_slots)
        last = (tl.arange(0, BLOCK_S) == BLOCK_S - 1)[:, None]
        entering = tl.sum(tl.where(last, h, 0.0), 0, keep_dims=True)


@triton.jit(do_not_specialize=_RUNTIME)
def scan(
    u,
    delta,
    A,
    B,
    C,
    D,  # (K, D)
    bias,
    z,  # (B, L, D)
    y,  # (K, B, L, D)
    states,
    kept,  # (K, B, tiles * N, D)
    orders,
    strides,  # of u, delta, B, C and z: batch, token, and of B and C group
    length,
    heads,
    batch,
    slots,
    chunk,
    one,
    STATES: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_D: tl.constexpr,
    GROUPS: tl.constexpr,
    SOFTPLUS: tl.constexpr,
    SKIP: tl.constexpr,
    BIAS: tl.constexpr,
    GATE: tl.constexpr,
    CARRIED: tl.constexpr,
    FROM_KEPT: tl.constexpr,
    KEEP: tl.constexpr,
):
    """Scan each chunk, entered with zero, with the carried state or with the one kept before."""
    per_group = tl.cdiv(heads, BLOCK_D)
    block = tl.program_id(0) % (per_group * GROUPS)
    slot = tl.program_id(0) // (per_group * GROUPS)
    k = tl.program_id(1) // batch
    b = tl.program_id(1) % batch
    group = block // per_group
    d = (block % per_group) * BLOCK_D + tl.arange(0, BLOCK_D)
    inside = d < heads
    d = d + group * heads
    width = heads * GROUPS
    n = tl.arange(0, BLOCK_N)
    real = n < STATES
    both = real[:, None] & inside[None, :]
    cells = (n * width)[:, None] + d[None, :]

    rates = tl.load(
        A + k * width * STATES + d[None, :] * (one * STATES) + (n * one)[:, None], both, 0.0
    )
    rates = rates.to(tl.float32) * LOG2_E
    shift = tl.zeros([BLOCK_D], tl.float32)
    skip = tl.zeros([BLOCK_D], tl.float32)
    if BIAS:
        shift = tl.load(bias + k * width + d, inside, 0.0).to(tl.float32)
    if SKIP:
        skip = tl.load(D + k * width + d, inside, 0.0).to(tl.float32)
    order = pick_order(orders, k)
    u = pick(u, k) + b.to(tl.int64) * strides[0]
    delta = pick(delta, k) + b.to(tl.int64) * strides[2]
    B = pick(B, k) + b.to(tl.int64) * strides[4] + group * strides[6]
    C = pick(C, k) + b.to(tl.int64) * strides[7] + group * strides[9]
    z += b.to(tl.int64) * strides[10]
    y += (k * batch + b).to(tl.int64) * length * width

    start = slot * chunk
    end = tl.minimum(start + chunk, length)
    place = (k * batch + b).to(tl.int64) * tl.cdiv(length, TILE) + start // TILE
    place *= STATES * width
    h = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    if CARRIED:
        slot = (k * batch + b).to(tl.int64) * slots + slot
        h = tl.load(states + slot * (STATES * width) + cells, both, 0.0)
    if FROM_KEPT:
        h = tl.load(kept + place + cells, both, 0.0)
    for tile in range(start, end, TILE):
        if KEEP:
            tl.store(kept + place + cells, h, both)
            place += STATES * width
        for t in range(tile, tl.minimum(tile + TILE, end)):
            row = row_of(t, length, order)
            dt = tl.load(delta + row * strides[3] + d, inside, 0.0).to(tl.float32) + shift
            x = tl.load(u + row * strides[1] + d, inside, 0.0).to(tl.float32)
            B_t = tl.load(B + row * strides[5] + n, real, 0.0).to(tl.float32)
            C_t = tl.load(C + row * strides[8] + n, real, 0.0).to(tl.float32)
            if SOFTPLUS:
                dt = softplus(dt)
            h = h * tl.exp2(rates * dt[None, :]) + B_t[:, None] * (x * dt)[None, :]
            out = tl.sum(h * C_t[:, None], 0) + skip * x
            if GATE:
                gate = tl.load(z + row * strides[11] + d, inside, 0.0).to(tl.float32)
                out = out * gate * sigmoid(gate)
            tl.store(y + row * width + d, out.to(y.dtype.element_ty), inside)


@triton.jit(do_not_specialize=["tokens", "length", "width", "strides"])
def combine(
    parts,  # (K, B * L, D)
    z,
    y,  # (B * L, D)
    tokens,
    length,
    width,
    strides,  # of z: batch, token
    DIRECTIONS: tl.constexpr,
    GATE: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """Sum the directions, and gate the sum."""
    token = (tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)).to(tl.int64)[:, None]
    d = (tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D))[None, :]
    inside = (token < tokens) & (d < width)
    out = tl.zeros([BLOCK_T, BLOCK_D], tl.float32)
    for k in tl.static_range(DIRECTIONS):
        out += tl.load(parts + (tokens.to(tl.int64) * k + token) * width + d, inside, 0.0)
    if GATE:
        place = (token // length) * strides[0] + (token % length) * strides[1] + d
        gate = tl.load(z + place, inside, 0.0).to(tl.float32)
        out = out * gate * sigmoid(gate)
    tl.store(y + token * width + d, out.to(y.dtype.element_ty), inside)
