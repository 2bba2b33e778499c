"""Backends as torch operators, so that compilation, export and autograd see an op.

Every backend gives two operators, `mambaseg::scan_<name>` and `mambaseg::conv_<name>`, each with
one for its gradient, of the same signature and output layout. Sequences are token-major:

- y: (B, L, D), like what `arguments.ScanArguments` describes;
- keep: whether the states that the gradient needs are kept, the second output: (K, B, T * N, D)
  for T tiles of 64 steps, or empty.

y = silu(z) * (sum over directions of the scan with its skip D u), contiguous, in u's dtype. For
the convolution x, y: (B, L, D); weight: (D, taps); bias: (D,).
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mambaseg.ops.arguments import ScanArguments

__all__ = ["Operators", "register"]

_INPUTS = (
    "Tensor[] u, Tensor[] delta, Tensor A, Tensor[] B, Tensor[] C, Tensor? D, Tensor? z, "
    "Tensor? delta_bias, bool softplus, SymInt[] chunks, bool[] backwards"
)
_CONV_INPUTS = "Tensor x, Tensor weight, Tensor bias, SymInt chunks, bool backwards"
_TILE = 64
_library = torch.library.Library("mambaseg", "DEF")


class Operators(NamedTuple):
    """What a backend offers."""

    scan: Callable[..., tuple[Tensor, Tensor]]
    conv: Callable[..., Tensor]


def register(name: str, module: ModuleType, *, keeps: bool, device: str | None) -> Operators:
    """Make torch operators of a module's scan, scan_backward, conv and conv_backward.

    Parameters
    ----------
    name : str
        The backend's.
    module : ModuleType
        Its scan and scan_backward take `ScanArguments`.
    keeps : bool
        Whether its scan keeps states.
    device : str, optional
        The type of device on which it runs; None for any.
    """
    # `torch.library.custom_op` would wrap every function so that the first call loads the whole
    # compiler, which takes longer than all else here; defined one by one, nothing is wrapped.
    keys = "CompositeExplicitAutograd" if device is None else device.upper()

    def op(kind: str, schema: str, function: Callable[..., Any], fake: Callable[..., Any]) -> Any:
        qualified = f"mambaseg::{kind}"
        _library.define(kind + schema)
        _library.impl(kind, function, keys)
        torch.library.register_fake(qualified, fake, lib=_library)
        return getattr(torch.ops.mambaseg, kind).default

    scan = op(
        f"scan_{name}",
        f"({_INPUTS}, bool keep) -> (Tensor, Tensor)",
        lambda *given: module.scan(ScanArguments(*given[:-1]), given[-1]),
        _scan_like(keeps),
    )
    scan_backward = op(
        f"scan_{name}_backward",
        f"(Tensor grad, {_INPUTS}, Tensor kept) -> Tensor[]",
        lambda grad, *given: module.scan_backward(grad, ScanArguments(*given[:-1]), given[-1]),
        _scan_gradients_like,
    )
    conv = op(f"conv_{name}", f"({_CONV_INPUTS}) -> Tensor", module.conv, lambda x, *_: _like(x))
    conv_backward = op(
        f"conv_{name}_backward",
        f"(Tensor grad, {_CONV_INPUTS}) -> (Tensor, Tensor, Tensor)",
        module.conv_backward,
        lambda _, x, weight, bias, *__: tuple(map(_like, (x, weight, bias))),
    )
    torch.library.register_autograd(
        f"mambaseg::scan_{name}",
        _scan_gradients(scan_backward),
        setup_context=_keep_for_scan,
        lib=_library,
    )
    torch.library.register_autograd(
        f"mambaseg::conv_{name}",
        _conv_gradients(conv_backward),
        setup_context=_keep_for_conv,
        lib=_library,
    )
    return Operators(scan, conv)


def _like(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _scan_like(keeps: bool) -> Callable[..., tuple[Tensor, Tensor]]:
    def fake(*inputs: Any) -> tuple[Tensor, Tensor]:
        x, keep = ScanArguments(*inputs[:-1]), inputs[-1]
        y = _like(x.u[0])
        batch, length, width = y.shape
        shape: tuple[Any, ...] = (0,)
        if keeps and keep:
            shape = (len(x.u), batch, (length + _TILE - 1) // _TILE * x.A.shape[-1], width)
        return y, y.new_empty(shape, dtype=torch.float32)

    return fake


def _scan_gradients_like(grad: Tensor, *inputs: Any) -> list[Tensor]:
    x = ScanArguments(*inputs[:-1])
    given = [one for one in (x.D, x.delta_bias, x.z) if one is not None]
    return [_like(one) for one in (*x.u, *x.delta, *x.B, *x.C, x.A, *given)]


def _keep_for_scan(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, kept = ScanArguments(*inputs[:-1]), output[1]
    ctx.mark_non_differentiable(kept)
    ctx.save_for_backward(*x.u, *x.delta, *x.B, *x.C, x.A, x.D, x.z, x.delta_bias, kept)
    ctx.plan = (x.softplus, x.chunks, x.backwards)


def _scan_gradients(operator: Callable[..., list[Tensor]]) -> Callable[..., tuple[Any, ...]]:
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Any, ...]:
        *tokens, A, D, z, delta_bias, kept = ctx.saved_tensors
        k = len(tokens) // 4
        u, delta, B, C = (tokens[i * k : (i + 1) * k] for i in range(4))
        grads = operator(grad, u, delta, A, B, C, D, z, delta_bias, *ctx.plan, kept)
        of_u, of_delta, of_B, of_C = (grads[i * k : (i + 1) * k] for i in range(4))
        rest = iter(grads[4 * k :])
        of_A = next(rest)
        of_D, of_bias, of_z = (None if x is None else next(rest) for x in (D, delta_bias, z))
        return of_u, of_delta, of_A, of_B, of_C, of_D, of_z, of_bias, None, None, None, None

    return backward


def _keep_for_conv(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, bias, chunks, backwards = inputs
    ctx.save_for_backward(x, weight, bias)
    ctx.plan = (chunks, backwards)


def _conv_gradients(operator: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        return *operator(grad, *ctx.saved_tensors, *ctx.plan), None, None

    return backward
