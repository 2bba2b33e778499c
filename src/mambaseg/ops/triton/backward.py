"""The scan's kernels, backward.

The adjoint g of the state obeys the same recurrence from the end,

    g[t] = C[t] gy[t] + decay[t+1] g[t+1],

so chunks are walked from the last to the first, with `forward.local_states` and `forward.carry`
giving what enters each. `gradients` then takes a chunk's tiles, last first. The state ahead of a
tile was kept; from it the kernel walks forward to the last `SPAN` steps, leaves their states in
registers, and takes these steps back; then the `SPAN` steps before them. That computes a tile's
states about one and a half times more, and needs no memory.

The gradients of u, delta and A sum over states, those of B and C over channels: numbers lie on
4 x 8 lanes, states by channels, so that both sums are short. Tensors are (registers' states,
registers' channels, lanes' channels, lanes' states), which is how the compiler then lays them out.
"""

from __future__ import annotations

import triton
import triton.language as tl

from mambaseg.ops.triton.pieces import (
    LOG2_E,
    LOG_2,
    TILE,
    pick,
    pick_order,
    row_of,
    sigmoid,
    softplus,
)

__all__ = ["gradients", "ungate"]

_RUNTIME = ["length", "heads", "batch", "slots", "chunk", "orders", "strides", "grad_strides"]


@triton.jit
def _over_states(x):
    return tl.sum(tl.sum(x, 0, keep_dims=True), 3, keep_dims=True)


@triton.jit
def _over_channels(x):
    return tl.sum(tl.sum(x, 1, keep_dims=True), 2, keep_dims=True)


@triton.jit
def _time_step(delta, row, stride, shift, inside, SOFTPLUS: tl.constexpr):
    """Give dt and its slope."""
    before = tl.load(delta + row * stride, inside, 0.0).to(tl.float32) + shift
    if SOFTPLUS:
        return softplus(before), sigmoid(before)
    return before, tl.full(before.shape, 1.0, tl.float32)


@triton.jit(do_not_specialize=_RUNTIME)
def gradients(
    gy,  # (B, L, D), ahead of the gate
    u,
    delta,
    A,
    B,
    C,
    D,
    bias,
    kept,
    states,  # in: what enters each chunk; out: the chunk's gradient of A
    grad_u,  # K of (B, L, D)
    grad_delta,
    grad_B,  # (parts, K, B, L, G, N), zeros
    grad_C,
    grad_D,  # (K, B, slots, D)
    grad_bias,
    orders,
    strides,  # of gy: batch, token; of u, delta, B and C as for `forward.scan`
    part_stride,
    length,
    heads,
    batch,
    slots,
    chunk,
    STATES: tl.constexpr,
    ROWS_N: tl.constexpr,
    ROWS_D: tl.constexpr,
    LANES_D: tl.constexpr,
    LANES_N: tl.constexpr,
    SPAN: tl.constexpr,
    GROUPS: tl.constexpr,
    SOFTPLUS: tl.constexpr,
    SKIP: tl.constexpr,
    BIAS: tl.constexpr,
    CARRIED: tl.constexpr,
):
    """Give all gradients but z's, of one chunk and block of channels."""
    BLOCK_D: tl.constexpr = ROWS_D * LANES_D
    per_group = tl.cdiv(heads, BLOCK_D)
    block = tl.program_id(0) % (per_group * GROUPS)
    slot = tl.program_id(0) // (per_group * GROUPS)
    first_step = (slots - 1 - slot) * chunk
    k = tl.program_id(1) // batch
    b = tl.program_id(1) % batch
    group = block // per_group
    d = (tl.arange(0, ROWS_D) * LANES_D)[None, :, None, None]
    d += tl.arange(0, LANES_D)[None, None, :, None]
    d += (block % per_group) * BLOCK_D
    inside = d < heads
    d += group * heads
    n = (tl.arange(0, ROWS_N) * LANES_N)[:, None, None, None]
    n += tl.arange(0, LANES_N)[None, None, None, :]
    real = n < STATES
    both = real & inside
    width = heads * GROUPS

    rates = tl.load(A + (k * width + d) * STATES + n, both, 0.0).to(tl.float32) * LOG2_E
    shift = tl.zeros([1, ROWS_D, LANES_D, 1], tl.float32)
    skip = tl.zeros([1, ROWS_D, LANES_D, 1], tl.float32)
    if BIAS:
        shift = tl.load(bias + k * width + d, inside, 0.0).to(tl.float32)
    if SKIP:
        skip = tl.load(D + k * width + d, inside, 0.0).to(tl.float32)
    order = pick_order(orders, k)
    gy += b.to(tl.int64) * strides[0] + d
    u = pick(u, k) + b.to(tl.int64) * strides[2] + d
    delta = pick(delta, k) + b.to(tl.int64) * strides[4] + d
    B = pick(B, k) + b.to(tl.int64) * strides[6] + group * strides[8] + n
    C = pick(C, k) + b.to(tl.int64) * strides[9] + group * strides[11] + n
    grad_u = pick(grad_u, k) + b.to(tl.int64) * length * width + d
    grad_delta = pick(grad_delta, k) + b.to(tl.int64) * length * width + d
    projected = (block % per_group).to(tl.int64) * part_stride
    projected += ((k * batch + b).to(tl.int64) * length * GROUPS + group) * STATES + n
    grad_B += projected
    grad_C += projected

    kept += ((k * batch + b).to(tl.int64) * tl.cdiv(length, TILE)) * STATES * width + n * width + d
    slot += (k * batch + b).to(tl.int64) * slots
    states += (slot * STATES + n) * width + d
    g = tl.zeros([ROWS_N, ROWS_D, LANES_D, LANES_N], tl.float32)
    if CARRIED:
        g = tl.load(states, both, 0.0)
    of_A = tl.zeros([ROWS_N, ROWS_D, LANES_D, LANES_N], tl.float32)
    of_D = tl.zeros([1, ROWS_D, LANES_D, 1], tl.float32)
    of_bias = tl.zeros([1, ROWS_D, LANES_D, 1], tl.float32)

    spans = tl.cdiv(tl.minimum(chunk, length - first_step), SPAN)
    for back in range(0, spans):
        start = first_step + (spans - 1 - back) * SPAN
        tile = start // TILE
        h = tl.load(kept + tile.to(tl.int64) * STATES * width, both, 0.0)
        for t in range(tile * TILE, start):
            row = row_of(t, length, order)
            dt, _ = _time_step(delta, row, strides[5], shift, inside, SOFTPLUS)
            x = tl.load(u + row * strides[3], inside, 0.0).to(tl.float32)
            B_t = tl.load(B + row * strides[7], real, 0.0).to(tl.float32)
            h = h * tl.exp2(rates * dt) + B_t * (x * dt)
        before = (h,)
        for i in tl.static_range(SPAN):
            # The last span may reach beyond the sequence: no time passes there.
            live = start + i < length
            row = row_of(tl.minimum(start + i, length - 1), length, order)
            dt, _ = _time_step(delta, row, strides[5], shift, inside, SOFTPLUS)
            dt = tl.where(live, dt, 0.0)
            x = tl.load(u + row * strides[3], inside, 0.0).to(tl.float32)
            B_t = tl.load(B + row * strides[7], real, 0.0).to(tl.float32)
            h = h * tl.exp2(rates * dt) + B_t * (x * dt)
            before = before + (h,)
        for j in tl.static_range(SPAN):
            i: tl.constexpr = SPAN - 1 - j
            live = start + i < length
            row = row_of(tl.minimum(start + i, length - 1), length, order)
            dt, slope = _time_step(delta, row, strides[5], shift, inside, SOFTPLUS)
            dt = tl.where(live, dt, 0.0)
            x = tl.load(u + row * strides[3], inside, 0.0).to(tl.float32)
            B_t = tl.load(B + row * strides[7], real, 0.0).to(tl.float32)
            C_t = tl.load(C + row * strides[10], real, 0.0).to(tl.float32)
            gy_t = tl.load(gy + row * strides[1], inside & live, 0.0).to(tl.float32)
            g += C_t * gy_t
            of_C = _over_channels(before[i + 1] * gy_t)
            of_B = _over_channels(g * (dt * x))
            of_drive = _over_states(g * B_t)
            g = g * tl.exp2(rates * dt)
            through_decay = g * before[i]
            of_A += through_decay * dt
            of_delta = (of_drive * x + _over_states(through_decay * rates) * LOG_2) * slope
            of_delta = tl.where(live, of_delta, 0.0)
            of_bias += of_delta
            of_D += gy_t * x
            tl.store(
                grad_u + row * width,
                (of_drive * dt + gy_t * skip).to(grad_u.dtype.element_ty),
                inside & live,
            )
            tl.store(
                grad_delta + row * width,
                of_delta.to(grad_delta.dtype.element_ty),
                inside & live,
            )
            place = row * (GROUPS * STATES)
            tl.atomic_add(grad_B + place, of_B, real & live, sem="relaxed")
            tl.atomic_add(grad_C + place, of_C, real & live, sem="relaxed")
    tl.store(states, of_A, both)
    tl.store(grad_D + slot * width + d, of_D, inside)
    tl.store(grad_bias + slot * width + d, of_bias, inside)


@triton.jit(do_not_specialize=["tokens", "length", "width", "strides"])
def ungate(
    grad,  # (B, L, D)
    z,
    y,  # (B * L, D): in: ahead of the gate; out: its gradient
    grad_z,  # (B * L, D)
    tokens,
    length,
    width,
    strides,  # of grad and z: batch, token
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """Take the gradient through y * silu(z)."""
    token = (tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)).to(tl.int64)[:, None]
    d = (tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D))[None, :]
    inside = (token < tokens) & (d < width)
    b, row = token // length, token % length
    out = tl.load(grad + b * strides[0] + row * strides[1] + d, inside, 0.0).to(tl.float32)
    gate = tl.load(z + b * strides[2] + row * strides[3] + d, inside, 0.0).to(tl.float32)
    place = token * width + d
    open_ = sigmoid(gate)
    slope = open_ * (1.0 + gate * (1.0 - open_))
    of_gate = out * tl.load(y + place, inside, 0.0) * slope
    tl.store(grad_z + place, of_gate.to(grad_z.dtype.element_ty), inside)
    tl.store(y + place, out * gate * open_, inside)
