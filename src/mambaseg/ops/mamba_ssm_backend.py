"""The backend over mamba-ssm's functions: directions one by one, on copies in their order.

See `operators` for the shapes. Their scan is channel-first and sums no directions, so tokens are
brought into order and back; its gradient is found by running it again under autograd.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mambaseg.ops import torch_backend
from mambaseg.ops.arguments import ScanArguments
from mambaseg.ops.orders import Order

__all__ = ["conv", "conv_backward", "scan", "scan_backward", "use"]

_MAX_TAPS = 4  # of causal-conv1d, which takes two at least
_functions: dict[str, Callable[..., Any] | None] = {"scan": None, "conv": None}


def use(scan_function: Callable[..., Any], conv_function: Callable[..., Any] | None) -> None:
    """Take the packages' functions; without a convolution, the portable one runs."""
    _functions.update(scan=scan_function, conv=conv_function)


def _enter(x: Tensor, order: Order) -> Tensor:
    """(B, L, ...) -> (B, ..., L) in an order, contiguous."""
    return order.enter(x).movedim(1, -1).contiguous()


def _leave(x: Tensor, order: Order) -> Tensor:
    """(B, D, L) in an order -> (B, L, D)."""
    return order.leave(x.transpose(1, 2))


def _run(given: ScanArguments) -> Tensor:
    """Scan with what autograd follows, float32 where directions are summed."""
    u, delta, A, B, C, D, z, delta_bias, softplus, chunks, backwards = given
    function = _functions["scan"]
    assert function is not None  # noqa: S101 - `use` was called when the operators were made
    one = len(u) == 1
    total: Tensor | None = None
    for k, order in enumerate(map(Order, chunks, backwards)):
        tokens = (u[k], delta[k], B[k], C[k])
        dtype = u[k].dtype if all(x.dtype == u[k].dtype for x in tokens) else torch.float32
        x, dt, B_k, C_k = (_enter(x.to(dtype), order) for x in tokens)
        y = function(
            x,
            dt,
            A[k].float(),
            B_k,
            C_k,
            D=None if D is None else D[k].float(),
            z=_enter(z.to(dtype), order) if one and z is not None else None,
            delta_bias=None if delta_bias is None else delta_bias[k].float(),
            delta_softplus=softplus,
        )
        y = _leave(y, order)
        total = y if one else y.float() if total is None else total + y
    assert total is not None  # noqa: S101 - there is a direction at least
    if z is not None and not one:
        total = total * F.silu(z.float())
    return total.to(u[0].dtype).contiguous()


def scan(given: ScanArguments, keep: bool) -> tuple[Tensor, Tensor]:
    """Scan in all directions; keeps nothing."""
    with torch.no_grad(), torch.autocast(given.u[0].device.type, enabled=False):
        y = _run(given)
    return y, y.new_empty(0, dtype=torch.float32)


def scan_backward(grad: Tensor, given: ScanArguments, kept: Tensor) -> list[Tensor]:
    """Give the gradients of u, delta, B and C, each of all directions, then A, D, bias and z."""

    def leaf(x: Tensor) -> Tensor:
        return x.detach().requires_grad_()

    with torch.enable_grad(), torch.autocast(grad.device.type, enabled=False):
        tokens = [[leaf(x) for x in xs] for xs in (given.u, given.delta, given.B, given.C)]
        rest = (given.A, given.D, given.delta_bias, given.z)
        A, D, delta_bias, z = (None if x is None else leaf(x) for x in rest)
        assert A is not None  # noqa: S101 - it is always given
        u, delta, B, C = tokens
        y = _run(given._replace(u=u, delta=delta, A=A, B=B, C=C, D=D, z=z, delta_bias=delta_bias))
        leaves = [t for ts in tokens for t in ts]
        leaves += [t for t in (A, D, delta_bias, z) if t is not None]
        return [g.contiguous() for g in torch.autograd.grad(y, leaves, grad)]


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, chunks: int, backwards: bool) -> Tensor:
    function = _functions["conv"]
    assert function is not None  # noqa: S101 - asked by `_fits`
    order = Order(chunks, backwards)
    y = function(_enter(x, order), weight.to(x.dtype), bias.to(x.dtype), activation="silu")
    return _leave(y, order).contiguous()


def _fits(weight: Tensor) -> bool:
    return _functions["conv"] is not None and 2 <= weight.shape[1] <= _MAX_TAPS


def conv(x: Tensor, weight: Tensor, bias: Tensor, chunks: int, backwards: bool) -> Tensor:
    """Convolve causally along the order, channel by channel, then SiLU."""
    if not _fits(weight):
        return torch_backend.conv(x, weight, bias, chunks, backwards)
    with torch.no_grad():
        return _convolve(x, weight, bias, chunks, backwards)


def conv_backward(
    grad: Tensor, x: Tensor, weight: Tensor, bias: Tensor, chunks: int, backwards: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Give the gradients of x, weight and bias."""
    if not _fits(weight):
        return torch_backend.conv_backward(grad, x, weight, bias, chunks, backwards)
    with torch.enable_grad():
        leaves = [t.detach().requires_grad_() for t in (x, weight, bias)]
        y = _convolve(leaves[0], leaves[1], leaves[2], chunks, backwards)
        of_x, of_weight, of_bias = torch.autograd.grad(y, leaves, grad)
    return of_x.contiguous(), of_weight, of_bias
