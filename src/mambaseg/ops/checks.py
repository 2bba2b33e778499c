"""What the public functions refuse, in a sentence that names the argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mambaseg.ops.orders import Order

__all__ = ["causal_conv", "multi_scan", "selective_scan"]

MAX_TAPS = 64
_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
) -> None:
    """Check the arguments of `ops.selective_scan`."""
    if u.ndim != 3 or u.shape[-1] < 1:
        raise ValueError(f"u must have the shape (B, D, L) with L >= 1; got {tuple(u.shape)}.")
    batch, dim, length = u.shape
    states = _states(A, (dim,))
    _shapes({"delta": delta, "z": z}, (batch, dim, length))
    _shapes({"D": D, "delta_bias": delta_bias}, (dim,))
    plain = (batch, states, length)
    for name, tensor in (("B", B), ("C", C)):
        grouped = tensor.ndim == 4 and (tensor.shape[0], *tensor.shape[2:]) == plain
        if tensor.shape != plain and not (grouped and _divides(tensor.shape[1], dim)):
            raise ValueError(
                f"{name} must have the shape {plain}, or ({batch}, G, {states}, {length}) with G "
                f"dividing {dim}, to fit u and A; got {tuple(tensor.shape)}."
            )
    _agree(B, C)
    _same_device(
        u,
        {"u": u, "delta": delta, "A": A, "B": B, "C": C, "D": D, "z": z, "delta_bias": delta_bias},
    )


def multi_scan(
    u: Sequence[Tensor],
    delta: Sequence[Tensor],
    A: Tensor,
    B: Sequence[Tensor],
    C: Sequence[Tensor],
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    orders: Sequence[Order],
) -> None:
    """Check the arguments of `ops.multi_scan`."""
    directions = len(orders)
    if not directions:
        raise ValueError("orders must name at least one direction; got none.")
    per_direction = {"u": u, "delta": delta, "B": B, "C": C}
    for name, tensors in per_direction.items():
        if len(tensors) != directions:
            raise ValueError(
                f"{name} must hold one tensor for each of the {directions} orders; "
                f"got {len(tensors)}."
            )
    if u[0].ndim != 3 or u[0].shape[1] < 1:
        raise ValueError(f"u must have the shape (B, L, D) with L >= 1; got {tuple(u[0].shape)}.")
    batch, length, dim = u[0].shape
    for order in orders:
        order.check(length)
    states = _states(A, (directions, dim))
    _shapes({"D": D, "delta_bias": delta_bias}, (directions, dim))
    _shapes({"z": z}, (batch, length, dim))
    groups = B[0].shape[2] if B[0].ndim == 4 else None
    fitting = f"({batch}, {length}, {states}), or ({batch}, {length}, G, {states})"
    for k in range(directions):
        _shapes({f"u[{k}]": u[k], f"delta[{k}]": delta[k]}, (batch, length, dim))
        for name, tensor in ((f"B[{k}]", B[k]), (f"C[{k}]", C[k])):
            plain = tensor.shape == (batch, length, states)
            grouped = groups is not None and tensor.shape == (batch, length, groups, states)
            if not (grouped and _divides(groups, dim) if groups is not None else plain):
                raise ValueError(
                    f"{name} must have the shape {fitting} with the same G, dividing {dim}, in "
                    f"all directions; got {tuple(tensor.shape)}."
                )
    _same_device(
        u[0],
        {f"{name}[{k}]": x for name, xs in per_direction.items() for k, x in enumerate(xs)}
        | {"A": A, "D": D, "z": z, "delta_bias": delta_bias},
    )


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor | None, order: Order) -> None:
    """Check the arguments of `ops.causal_conv`."""
    if x.ndim != 3 or x.shape[1] < 1:
        raise ValueError(f"x must have the shape (B, L, D) with L >= 1; got {tuple(x.shape)}.")
    length, dim = x.shape[1:]
    order.check(length)
    if weight.ndim != 2 or weight.shape[0] != dim or not 1 <= weight.shape[1] <= MAX_TAPS:
        raise ValueError(
            f"weight must have the shape ({dim}, taps) with 1 to {MAX_TAPS} taps to fit x; "
            f"got {tuple(weight.shape)}."
        )
    _shapes({"bias": bias}, (dim,))
    _same_device(x, {"x": x, "weight": weight, "bias": bias})


def _states(A: Tensor, leading: tuple[int, ...]) -> int:
    if A.ndim != len(leading) + 1 or A.shape[:-1] != leading or A.shape[-1] < 1:
        shape = f"({', '.join(map(str, leading))}, N)"
        raise ValueError(f"A must have the shape {shape} to fit u; got {tuple(A.shape)}.")
    return A.shape[-1]


def _shapes(tensors: Mapping[str, Tensor | None], shape: tuple[int, ...]) -> None:
    for name, tensor in tensors.items():
        if tensor is not None and tensor.shape != shape:
            raise ValueError(
                f"{name} must have the shape {shape} to fit u; got {tuple(tensor.shape)}."
            )


def _divides(groups: int, dim: int) -> bool:
    return groups > 0 and dim % groups == 0


def _agree(B: Tensor, C: Tensor) -> None:
    if B.shape != C.shape:
        raise ValueError(f"B and C must agree; got {tuple(B.shape)} and {tuple(C.shape)}.")


def _same_device(first: Tensor, tensors: Mapping[str, Tensor | None]) -> None:
    for name, tensor in tensors.items():
        if tensor is None:
            continue
        if tensor.device != first.device:
            raise ValueError(
                f"{name} must lie on the input's device {first.device}; got {tensor.device}."
            )
        if tensor.dtype not in _DTYPES:
            raise ValueError(
                f"{name} must be a floating tensor of 16, 32 or 64 bits; got {tensor.dtype}."
            )
