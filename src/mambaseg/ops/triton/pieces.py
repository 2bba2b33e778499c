"""What the kernels share: where a step's token stands, softplus, and a choice of pointers.

Directions come as tuples, one entry each, so that one launch runs them all. Sizes and strides are
not specialised, nor is `one`, the distance of neighbouring channels or states: the compiler, which
does not know that it is 1, lays all tensors out in one way, and never moves numbers between lanes
to make a load wider.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["LOG2_E", "LOG_2", "TILE", "pick", "row_of", "sigmoid", "softplus"]

TILE = tl.constexpr(64)
"""Steps between kept states."""

LOG2_E = tl.constexpr(1.4426950408889634)
LOG_2 = tl.constexpr(0.6931471805599453)


@triton.jit
def pick(values, k):
    """Give entry k of a tuple."""
    value = values[0]
    for i in tl.static_range(1, len(values)):
        value = tl.where(k == i, values[i], value)
    return value


@triton.jit
def row_of(t, length, order):
    """Give the token that is visited at step t of an order, as `plan.order_numbers` writes it.

    t // chunks is a multiplication: a division would cost as much as the rest of a step.
    """
    chunks, per_chunk, magic, shift, backwards = order
    t = tl.where(backwards != 0, length - 1 - t, t).to(tl.uint32)
    # The interpreter gives a 1 as a constant.
    high = tl.umulhi(t, tl.full([], magic, tl.int32).to(tl.uint32, bitcast=True) + t * 0)
    column = ((high + t) >> tl.full([], shift, tl.uint32)).to(tl.int32)
    return ((t.to(tl.int32) - column * chunks) * per_chunk + column).to(tl.int64)


@triton.jit
def pick_order(orders, k):
    """Give the five numbers of direction k's order."""
    return (
        pick(orders[0], k),
        pick(orders[1], k),
        pick(orders[2], k),
        pick(orders[3], k),
        pick(orders[4], k),
    )


@triton.jit
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + tl.exp2(x * -LOG2_E))


@triton.jit
def softplus(x):
    """log(1 + exp(x)) = max(x, 0) + log(1 + e) with e = exp(-|x|), to float32's accuracy.

    log(1 + e) = 2 artanh(s) with s = e / (e + 2) <= 1/3, whose odd series ends soon; the
    logarithm of a number next to 1 would lose all small time steps.
    """
    e = tl.exp2(tl.abs(x) * -LOG2_E)
    s = e / (e + 2.0)
    w = s * s
    p = 0.1153846 * w + 0.0909090909
    p = p * w + 0.1111111111
    p = p * w + 0.1428571429
    p = p * w + 0.2
    p = p * w + 0.3333333333
    p = p * w + 1.0
    return tl.maximum(x, 0.0) + 2.0 * s * p
