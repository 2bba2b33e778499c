"""Elementary functions of vectors, to float32's accuracy, without a branch."""

from __future__ import annotations

from typing import Any

from mambaseg.ops.cpu.compiling import inline
from mambaseg.ops.cpu.vectors import add_exponent, maximum, minimum

__all__ = ["LOG2_E", "exp2", "sigmoid", "softplus"]

LOG2_E = 1.4426950408889634
# Adding it leaves a float32's integer part in the lowest bits of the sum, rounded.
ROUNDING = 12582912.0  # 1.5 * 2**23


@inline
def exp2(x: Any) -> Any:
    """2**x: a polynomial for the fraction in [-1/2, 1/2], the exponent for the integer part.

    Beyond 128 it is infinite, below -126 it stays at the smallest normal number.
    """
    x = minimum(maximum(x, -126.0), 128.0)
    shifted = x + ROUNDING
    f = x - (shifted - ROUNDING)
    p = 1.3264709e-3 * f + 9.6702284e-3
    p = p * f + 5.5507337e-2
    p = p * f + 2.4022240e-1
    p = p * f + 6.9314703e-1
    p = p * f + 1.0
    return add_exponent(p, shifted)


@inline
def softplus(x: Any) -> Any:
    """log(1 + exp(x)) = max(x, 0) + log(1 + t) with t = exp(-|x|).

    log(1 + t) = 2 artanh(s) with s = t / (t + 2) <= 1/3, whose odd series ends soon.
    """
    t = exp2(minimum(x, x * -1.0) * LOG2_E)
    s = t / (t + 2.0)
    w = s * s
    p = 0.1153846 * w + 0.0909090909
    p = p * w + 0.1111111111
    p = p * w + 0.1428571429
    p = p * w + 0.2
    p = p * w + 0.3333333333
    p = p * w + 1.0
    return maximum(x, 0.0) + 2.0 * s * p


@inline
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 1.0 / (exp2(x * -LOG2_E) + 1.0)
