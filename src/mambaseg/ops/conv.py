"""The public causal convolution that precedes a scan."""

from __future__ import annotations

from torch import Tensor

from mambaseg.ops import checks
from mambaseg.ops.backends import choose
from mambaseg.ops.orders import NATURAL, Order

__all__ = ["causal_conv"]


def causal_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    order: Order = NATURAL,
    backend: str | None = None,
) -> Tensor:
    """Convolve along an order, each token with those visited before it, then SiLU.

    Parameters
    ----------
    x : Tensor, shape (B, L, D)
        Token-major, in the sequence's own order.
    weight : Tensor, shape (D, taps)
        One filter for each channel; the last tap is for the token itself. At most 64 taps.
    bias : Tensor, shape (D,), optional
    order : Order
        The order in which tokens follow each other; ahead of the first there are zeros.
    backend : str, optional
        As in `selective_scan`.

    Returns
    -------
    Tensor, shape (B, L, D)
        Contiguous, in x's dtype, in the sequence's own order. Computed in float64 for float64
        input, else in float32, under autocast too.

    Raises
    ------
    ValueError
        If shapes, devices or dtypes do not fit, the order does not fit L, or the backend does
        not run here.
    """
    checks.causal_conv(x, weight, bias, order)
    operator = choose(x.device, x.dtype, backend).conv
    if bias is None:
        bias = weight.new_zeros(weight.shape[0])
    return operator(x, weight, bias, order.chunks, order.reverse)
