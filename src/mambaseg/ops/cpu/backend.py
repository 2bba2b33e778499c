"""The CPU backend: tensors in, kernels on threads, tensors out. See `operators` for the shapes."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from mambaseg.ops.arguments import ScanArguments
from mambaseg.ops.cpu.backward import backward
from mambaseg.ops.cpu.conv import conv_backward as conv_backward_kernel
from mambaseg.ops.cpu.conv import conv_forward
from mambaseg.ops.cpu.forward import forward
from mambaseg.ops.cpu.tasks import Task, cut, new_scratch
from mambaseg.ops.cpu.threads import run_all
from mambaseg.ops.cpu.tiles import TILE

__all__ = ["conv", "conv_backward", "scan", "scan_backward"]


def _ready(x: Tensor) -> Tensor:
    """Give x as float32 with neighbouring columns, copied only if it is not so already."""
    x = x.float()
    return x if x.stride(-1) == 1 else x.contiguous()


def _or_zeros(x: Tensor | None, directions: int, width: int) -> Tensor:
    return torch.zeros(directions, width) if x is None else _ready(x)


def scan(given: ScanArguments, keep: bool) -> tuple[Tensor, Tensor]:
    """Scan in all directions, each task one direction after the other."""
    u, delta, A, B, C, D, z, delta_bias, softplus, chunks, backwards = given
    directions = len(u)
    batch, length, width = u[0].shape
    states = A.shape[-1]
    y = torch.empty(batch, length, width)
    kept = torch.empty(directions, batch, -(-length // TILE) * states, width) if keep else None

    arrays = [[_ready(x).numpy() for x in xs] for xs in (u, delta, B, C)]
    skips, biases = (_or_zeros(x, directions, width).numpy() for x in (D, delta_bias))
    rates = _ready(A).numpy()
    out = y.numpy()
    gates = out if z is None else _ready(z).numpy()
    keeper = None if kept is None else kept.numpy()

    def run(task: Task) -> None:
        b, g, _, c = task
        scratch = new_scratch(c, states)
        for k, (x, dt, B_k, C_k) in enumerate(zip(*arrays, strict=True)):
            forward(
                x[b, :, c],
                dt[b, :, c],
                rates[k, c],
                B_k[b, :, g],
                C_k[b, :, g],
                skips[k : k + 1, c],
                biases[k : k + 1, c],
                gates[b, :, c],
                out[b, :, c],
                out[b, :, c] if keeper is None else keeper[k, b, :, c],
                scratch,
                chunks[k],
                backwards[k],
                softplus,
                k > 0,
                z is not None and k == directions - 1,
                keep,
            )

    tasks, _ = cut(batch, length, width, B[0].shape[2])
    run_all([partial(run, task) for task in tasks])
    return y.to(u[0].dtype), torch.empty(0) if kept is None else kept


def scan_backward(grad: Tensor, given: ScanArguments, kept: Tensor) -> list[Tensor]:
    """Give the gradients of u, delta, B and C, each of all directions, then A, D, bias and z."""
    if not kept.numel():
        kept = scan(given._replace(z=None), keep=True)[1]
    u, delta, A, B, C, D, z, delta_bias, softplus, chunks, backwards = given
    directions = len(u)
    batch, length, width = u[0].shape
    groups, states = B[0].shape[2:]
    tasks, parts = cut(batch, length, width, groups)

    grads_u, grads_delta = ([torch.empty(batch, length, width) for _ in u] for _ in range(2))
    grads_B, grads_C = (
        [torch.empty(parts, batch, length, groups, states) for _ in u] for _ in range(2)
    )
    grad_A = torch.empty(batch, directions, width, states)
    grad_D, grad_bias = (torch.empty(batch, directions, width) for _ in range(2))
    grad_z = grad.new_empty(0, dtype=torch.float32) if z is None else torch.empty_like(grads_u[0])

    out = _ready(grad).numpy()
    arrays = [[_ready(x).numpy() for x in xs] for xs in (u, delta, B, C)]
    skips, biases = (_or_zeros(x, directions, width).numpy() for x in (D, delta_bias))
    rates, keeper = _ready(A).numpy(), kept.numpy()
    gates = out if z is None else _ready(z).numpy()
    of_gates = out if z is None else grad_z.numpy()
    of_u, of_delta, of_B, of_C = (
        [x.numpy() for x in xs] for xs in (grads_u, grads_delta, grads_B, grads_C)
    )
    of_A, of_D, of_bias = (x.numpy() for x in (grad_A, grad_D, grad_bias))

    def run(task: Task) -> None:
        b, g, part, c = task
        scratch = new_scratch(c, states)
        for k, (x, dt, B_k, C_k) in enumerate(zip(*arrays, strict=True)):
            backward(
                out[b, :, c],
                x[b, :, c],
                dt[b, :, c],
                rates[k, c],
                B_k[b, :, g],
                C_k[b, :, g],
                skips[k : k + 1, c],
                biases[k : k + 1, c],
                gates[b, :, c],
                keeper[k, b, :, c],
                of_u[k][b, :, c],
                of_delta[k][b, :, c],
                of_A[b, k, c],
                of_B[k][part, b, :, g],
                of_C[k][part, b, :, g],
                of_D[b, k : k + 1, c],
                of_bias[b, k : k + 1, c],
                of_gates[b, :, c],
                scratch,
                chunks[k],
                backwards[k],
                softplus,
                z is not None,
                k > 0,
                k == directions - 1,
            )

    run_all([partial(run, task) for task in tasks])

    def total(x: Tensor, like: Tensor) -> Tensor:
        return (x[0] if len(x) == 1 else x.sum(0)).to(like.dtype)

    grads = [g.to(x.dtype) for g, x in zip(grads_u, u, strict=True)]
    grads += [g.to(x.dtype) for g, x in zip(grads_delta, delta, strict=True)]
    grads += [total(g, x) for g, x in zip(grads_B, B, strict=True)]
    grads += [total(g, x) for g, x in zip(grads_C, C, strict=True)]
    grads.append(total(grad_A, A))
    if D is not None:
        grads.append(total(grad_D, D))
    if delta_bias is not None:
        grads.append(total(grad_bias, delta_bias))
    if z is not None:
        grads.append(grad_z.to(z.dtype))
    return grads


def conv(x: Tensor, weight: Tensor, bias: Tensor, chunks: int, backwards: bool) -> Tensor:
    """Convolve causally along the order, channel by channel, then SiLU."""
    batch, length, width = x.shape
    y = torch.empty(batch, length, width)
    taps, biases = _ready(weight.t()).numpy(), _ready(bias)[None].numpy()
    source, target = _ready(x).numpy(), y.numpy()

    def run(task: Task) -> None:
        b, _, _, c = task
        conv_forward(source[b, :, c], taps[:, c], biases[:, c], target[b, :, c], chunks, backwards)

    tasks, _ = cut(batch, length, width, 1)
    run_all([partial(run, task) for task in tasks])
    return y.to(x.dtype)


def conv_backward(
    grad: Tensor, x: Tensor, weight: Tensor, bias: Tensor, chunks: int, backwards: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Give the gradients of x, weight and bias."""
    batch, length, width = x.shape
    grad_x = torch.empty(batch, length, width)
    grad_weight = torch.empty(batch, weight.shape[1], width)
    grad_bias = torch.empty(batch, 1, width)
    out, source = _ready(grad).numpy(), _ready(x).numpy()
    taps, biases = _ready(weight.t()).numpy(), _ready(bias)[None].numpy()
    of_x, of_weight, of_bias = (g.numpy() for g in (grad_x, grad_weight, grad_bias))

    def run(task: Task) -> None:
        b, _, _, c = task
        conv_backward_kernel(
            out[b, :, c],
            source[b, :, c],
            taps[:, c],
            biases[:, c],
            of_x[b, :, c],
            of_weight[b, :, c],
            of_bias[b, :, c],
            new_scratch(c, 0),
            chunks,
            backwards,
        )

    tasks, _ = cut(batch, length, width, 1)
    run_all([partial(run, task) for task in tasks])
    return (
        grad_x.to(x.dtype),
        grad_weight.sum(0).t().contiguous().to(weight.dtype),
        grad_bias.sum((0, 1)).to(bias.dtype),
    )
