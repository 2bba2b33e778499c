"""The Triton backend: tensors in, kernels, tensors out. See `operators` for the shapes."""

from __future__ import annotations

import torch
from torch import Tensor

from mambaseg.ops.arguments import ScanArguments
from mambaseg.ops.triton import plan
from mambaseg.ops.triton.backward import ungate
from mambaseg.ops.triton.conv import conv_backward as conv_backward_kernel
from mambaseg.ops.triton.conv import conv_forward, conv_slope
from mambaseg.ops.triton.launches import (
    TOKEN_BLOCK,
    Call,
    ready,
    token_grid,
)

__all__ = ["conv", "conv_backward", "scan", "scan_backward"]


def scan(given: ScanArguments, keep: bool) -> tuple[Tensor, Tensor]:
    """Scan in all directions at once."""
    first = given.u[0]
    with torch.cuda.device_of(first):
        call = Call(given)
        y = torch.empty(first.shape, dtype=first.dtype, device=first.device)
        kept = call.new_kept() if keep else None
        call.forward(y, given.z, kept)
    return y, y.new_empty(0, dtype=torch.float32) if kept is None else kept


def scan_backward(grad: Tensor, given: ScanArguments, kept: Tensor) -> list[Tensor]:
    """Give the gradients of u, delta, B and C, each of all directions, then A, D, bias and z.

    Programs of different channels add to B's and C's with atomics, in no certain order; under
    `torch.use_deterministic_algorithms` each adds to memory of its own.
    """
    if not kept.numel():
        kept = scan(given._replace(z=None), keep=True)[1]
    with torch.cuda.device_of(grad):
        call = Call(given)
        (gy,) = ready([grad])
        of_z = None
        if given.z is not None:
            gy, of_z = _through_gate(call, gy, given.z, kept)
        certain = torch.are_deterministic_algorithms_enabled()
        parts = -(-call.heads // call.backward_block) if certain else 1
        found = call.backward(gy, kept, parts=parts)
        grads = [
            g.to(x.dtype)
            for name in ("u", "delta", "B", "C")
            for g, x in zip(found[name], getattr(given, name), strict=True)
        ]
        grads.append(found["A"].contiguous().to(given.A.dtype))
        if given.D is not None:
            grads.append(found["D"].to(given.D.dtype))
        if given.delta_bias is not None:
            grads.append(found["bias"].to(given.delta_bias.dtype))
        if of_z is not None:
            grads.append(of_z)
    return grads


def _through_gate(call: Call, grad: Tensor, z: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Give the gradients of the ungated y, float32, and of z."""
    y = torch.empty(grad.shape, dtype=torch.float32, device=grad.device)
    call.forward(y, None, kept, known=True)
    of_z = torch.empty(z.shape, dtype=z.dtype, device=z.device)
    (gate,) = ready([z])
    tokens = call.batch * call.length
    ungate[token_grid(tokens, call.width)](
        grad,
        gate,
        y,
        of_z,
        tokens,
        call.length,
        call.width,
        (*grad.stride()[:2], *gate.stride()[:2]),
        **TOKEN_BLOCK,
    )
    return y, of_z


CONV_BLOCK = {"BLOCK_T": 32, "BLOCK_D": 64}


def _conv_grid(x: Tensor) -> tuple[int, int, int]:
    batch, length, width = x.shape
    steps, channels = CONV_BLOCK["BLOCK_T"], CONV_BLOCK["BLOCK_D"]
    return -(-length // steps), -(-width // channels), batch


def _order(chunks: int, backwards: bool, length: int) -> tuple[int, ...]:
    return tuple(number for (number,) in plan.order_numbers((chunks,), (backwards,), length))


def conv(x: Tensor, weight: Tensor, bias: Tensor, chunks: int, backwards: bool) -> Tensor:
    """Convolve causally along the order, channel by channel, then SiLU."""
    with torch.cuda.device_of(x):
        y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        (x,) = ready([x])
        conv_forward[_conv_grid(x)](
            x,
            weight.contiguous(),
            bias.contiguous(),
            y,
            _order(chunks, backwards, x.shape[1]),
            x.stride()[:2],
            *x.shape[1:],
            TAPS=weight.shape[1],
            **CONV_BLOCK,
        )
    return y


def conv_backward(
    grad: Tensor, x: Tensor, weight: Tensor, bias: Tensor, chunks: int, backwards: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Give the gradients of x, weight and bias."""
    with torch.cuda.device_of(x):
        (grad,), (x,) = ready([grad]), ready([x])
        taps, width = weight.shape[1], x.shape[2]
        grid = _conv_grid(x)
        inner = torch.empty(x.shape, dtype=torch.float32, device=x.device)
        of_weight = inner.new_empty(x.shape[0] * grid[0], taps, width)
        of_bias = inner.new_empty(x.shape[0] * grid[0], width)
        order = _order(chunks, backwards, x.shape[1])
        sizes = {"TAPS": taps, **CONV_BLOCK}
        conv_slope[grid](
            grad,
            x,
            weight.contiguous(),
            bias.contiguous(),
            inner,
            of_weight,
            of_bias,
            order,
            (*grad.stride()[:2], *x.stride()[:2]),
            *x.shape[1:],
            **sizes,
        )
        grad_x = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        conv_backward_kernel[grid](inner, weight.contiguous(), grad_x, order, *x.shape[1:], **sizes)
        return (
            grad_x,
            of_weight.sum(0).t().contiguous().to(weight.dtype),
            of_bias.sum(0).to(bias.dtype),
        )
