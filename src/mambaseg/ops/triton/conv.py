"""The causal convolution's kernels: tiles of steps by channels, each tap a shifted load."""

from __future__ import annotations

import triton
import triton.language as tl

from mambaseg.ops.triton.pieces import row_of, sigmoid

__all__ = ["conv_backward", "conv_forward", "conv_slope"]

_RUNTIME = ["length", "width", "order", "strides"]


@triton.jit
def _tap(x, t, j, TAPS: tl.constexpr, length, order, stride, inside):
    """Give x as tap j of step t sees it; ahead of the sequence there are zeros."""
    seen = t - (TAPS - 1) + j
    row = row_of(tl.maximum(seen, 0), length, order)
    return tl.load(x + row * stride, inside & (seen >= 0), 0.0).to(tl.float32)


@triton.jit
def _convolve(x, weight, shift, t, d, length, width, order, stride, inside, TAPS: tl.constexpr):
    out = shift
    for j in tl.static_range(TAPS):
        tap = tl.load(weight + d * TAPS + j, d < width, 0.0).to(tl.float32)
        out += tap * _tap(x, t, j, TAPS, length, order, stride, inside)
    return out


@triton.jit(do_not_specialize=_RUNTIME)
def conv_forward(
    x,  # (B, L, D)
    weight,  # (D, taps)
    bias,
    y,
    order,
    strides,  # of x: batch, token
    length,
    width,
    TAPS: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """Write SiLU(conv(x))."""
    t = (tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T))[:, None]
    d = (tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D))[None, :]
    b = tl.program_id(2).to(tl.int64)
    inside = (t < length) & (d < width)
    x += b * strides[0] + d
    out = tl.zeros([BLOCK_T, BLOCK_D], tl.float32)
    out += tl.load(bias + d, d < width, 0.0).to(tl.float32)
    t = tl.minimum(t, length - 1)
    out = _convolve(x, weight, out, t, d, length, width, order, strides[1], inside, TAPS)
    place = (b * length + row_of(t, length, order)) * width + d
    tl.store(y + place, (out * sigmoid(out)).to(y.dtype.element_ty), inside)


@triton.jit(do_not_specialize=_RUNTIME)
def conv_slope(
    grad,
    x,
    weight,
    bias,
    inner,  # (B, L, D) in the order of the steps
    of_weight,  # (B, blocks of steps, taps, D)
    of_bias,  # (B, blocks of steps, D)
    order,
    strides,  # of grad and x: batch, token
    length,
    width,
    TAPS: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """Take the gradient through SiLU, and give each tile's gradient of weight and bias."""
    t = (tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T))[:, None]
    d = (tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D))[None, :]
    b = tl.program_id(2).to(tl.int64)
    inside = (t < length) & (d < width)
    x += b * strides[2] + d
    out = tl.zeros([BLOCK_T, BLOCK_D], tl.float32)
    out += tl.load(bias + d, d < width, 0.0).to(tl.float32)
    step = t
    t = tl.minimum(t, length - 1)
    out = _convolve(x, weight, out, t, d, length, width, order, strides[3], inside, TAPS)
    place = b * strides[0] + row_of(t, length, order) * strides[1] + d
    g = tl.load(grad + place, inside, 0.0).to(tl.float32)
    s = sigmoid(out)
    g = g * s * (1.0 + out * (1.0 - s))
    tl.store(inner + (b * length + step) * width + d, g, inside)
    tile = b * tl.num_programs(0) + tl.program_id(0)
    tl.store(of_bias + tile * width + d, tl.sum(g, 0, keep_dims=True), d < width)
    for j in tl.static_range(TAPS):
        tap = g * _tap(x, t, j, TAPS, length, order, strides[3], inside)
        place = (tile * TAPS + j) * width + d
        tl.store(of_weight + place, tl.sum(tap, 0, keep_dims=True), d < width)


@triton.jit(do_not_specialize=_RUNTIME)
def conv_backward(
    inner,
    weight,
    grad_x,  # (B, L, D)
    order,
    length,
    width,
    TAPS: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """Give x's gradient: the convolution with the taps reversed, from the end."""
    t = (tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T))[:, None]
    d = (tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D))[None, :]
    b = tl.program_id(2).to(tl.int64)
    inside = (t < length) & (d < width)
    out = tl.zeros([BLOCK_T, BLOCK_D], tl.float32)
    for j in tl.static_range(TAPS):
        tap = tl.load(weight + d * TAPS + (TAPS - 1 - j), d < width, 0.0).to(tl.float32)
        there = inside & (t + j < length)
        out += tap * tl.load(inner + (b * length + t + j) * width + d, there, 0.0)
    place = (b * length + row_of(tl.minimum(t, length - 1), length, order)) * width + d
    tl.store(grad_x + place, out.to(grad_x.dtype.element_ty), inside)
