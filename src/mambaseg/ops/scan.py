"""The public selective scan: checks its arguments and chooses a backend."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mambaseg.ops import portable

__all__ = ["available_backends", "selective_scan"]


def available_backends() -> list[str]:
    """Names of the scan's backends that run on this machine, best first."""
    return ["torch"]


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    *,
    backend: str | None = None,
) -> Tensor:
    """Run the selective state-space scan of Mamba (arXiv 2312.00752, algorithm 2).

    With dt = delta + delta_bias, through softplus if asked, it gives
    h[t] = exp(dt[t] A) h[t-1] + dt[t] B[t] u[t] from h[-1] = 0, and
    y[t] = C[t] . h[t] + D u[t], times SiLU(z[t]) if z is given.

    Parameters
    ----------
    u, delta : Tensor, shape (B, D, L)
        Input and unbiased time steps.
    A : Tensor, shape (D, N)
        State decay rates, negative for a stable system.
    B, C : Tensor, shape (B, N, L) or (B, G, N, L)
        Input and output projections, shared by all channels or by each of G
        consecutive blocks of channels.
    D : Tensor, shape (D,), optional
        Skip weights.
    z : Tensor, shape (B, D, L), optional
        Gate.
    delta_bias : Tensor, shape (D,), optional
        Added to `delta` before softplus.
    delta_softplus : bool
        Whether dt goes through softplus.
    backend : str, optional
        One of `available_backends`; None chooses the best.

    Returns
    -------
    Tensor, shape (B, D, L)
        In u's dtype. The state is float64 for float64 input, else float32,
        under autocast too.

    Raises
    ------
    ValueError
        If shapes, devices or dtypes do not fit, or the backend does not run here.
    """
    _check(u, delta, A, B, C, D, z, delta_bias)
    if backend is not None and backend not in available_backends():
        raise ValueError(f"backend {backend!r} does not run here; {available_backends()} do.")
    precision = torch.float64 if u.dtype == torch.float64 else torch.float32
    with torch.autocast(u.device.type, enabled=False):
        x, dt = u.to(precision), delta.to(precision)
        if delta_bias is not None:
            dt = dt + delta_bias.to(precision)[:, None]
        if delta_softplus:
            dt = F.softplus(dt)
        if B.ndim == 3:
            B, C = B[:, None], C[:, None]
        y = portable.scan(x, dt, A.to(precision), B.to(precision), C.to(precision))
        if D is not None:
            y = torch.addcmul(y, x, D.to(precision)[:, None])
        if z is not None:
            y = y * F.silu(z.to(precision))
    return y.to(u.dtype)


def _check(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
) -> None:
    if u.ndim != 3 or u.shape[-1] < 1:
        raise ValueError(f"u must have the shape (B, D, L) with L >= 1; got {tuple(u.shape)}.")
    batch, dim, length = u.shape
    if A.ndim != 2 or A.shape[0] != dim:
        raise ValueError(f"A must have the shape ({dim}, N) to fit u; got {tuple(A.shape)}.")
    states = A.shape[1]
    expected: dict[str, tuple[Tensor | None, tuple[int, ...]]] = {
        "delta": (delta, (batch, dim, length)),
        "z": (z, (batch, dim, length)),
        "D": (D, (dim,)),
        "delta_bias": (delta_bias, (dim,)),
    }
    for name, (tensor, shape) in expected.items():
        if tensor is not None and tensor.shape != shape:
            raise ValueError(
                f"{name} must have the shape {shape} to fit u; got {tuple(tensor.shape)}."
            )
    for name, tensor in (("B", B), ("C", C)):
        plain = (batch, states, length)
        fits = tensor.shape == plain or (
            tensor.ndim == 4
            and (tensor.shape[0], *tensor.shape[2:]) == plain
            and dim % tensor.shape[1] == 0
        )
        if not fits:
            raise ValueError(
                f"{name} must have the shape {plain}, or ({batch}, G, {states}, {length}) with G "
                f"dividing {dim}, to fit u and A; got {tuple(tensor.shape)}."
            )
    if B.shape != C.shape:
        raise ValueError(f"B and C must agree; got {tuple(B.shape)} and {tuple(C.shape)}.")
    tensors = {
        "u": u,
        "delta": delta,
        "A": A,
        "B": B,
        "C": C,
        "D": D,
        "z": z,
        "delta_bias": delta_bias,
    }
    for name, given in tensors.items():
        if given is not None and given.device != u.device:
            raise ValueError(f"{name} must lie on u's device {u.device}; got {given.device}.")
        if given is not None and not given.is_floating_point():
            raise ValueError(f"{name} must be a floating tensor; got {given.dtype}.")
