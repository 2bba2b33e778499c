"""The public selective scan, of one direction or several."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mambaseg.ops import checks
from mambaseg.ops.backends import choose
from mambaseg.ops.orders import NATURAL, Order

__all__ = ["multi_scan", "selective_scan"]


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
        Input and unbiased time steps. Views of token-major tensors (B, L, D) are read as they
        stand; others are copied first where the backend needs it.
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
        One of `available_backends`. None takes the one that the environment variable
        MAMBASEG_SCAN names, or else the best for the device. float64 is always computed
        by "torch".

    Returns
    -------
    Tensor, shape (B, D, L)
        In u's dtype; a view of a contiguous (B, L, D). The state is float64 for float64 input,
        else float32, under autocast too.

    Raises
    ------
    ValueError
        If shapes, devices or dtypes do not fit, or the backend does not run here.
    """
    checks.selective_scan(u, delta, A, B, C, D, z, delta_bias)
    y = _run(
        [u.transpose(1, 2)],
        [delta.transpose(1, 2)],
        A[None],
        [_token_major(B)],
        [_token_major(C)],
        None if D is None else D[None],
        None if z is None else z.transpose(1, 2),
        None if delta_bias is None else delta_bias[None],
        delta_softplus,
        [NATURAL],
        backend,
    )
    return y.transpose(1, 2)


def multi_scan(
    u: Tensor | Sequence[Tensor],
    delta: Sequence[Tensor],
    A: Tensor | Sequence[Tensor],
    B: Sequence[Tensor],
    C: Sequence[Tensor],
    D: Tensor | Sequence[Tensor] | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | Sequence[Tensor] | None = None,
    delta_softplus: bool = False,
    *,
    orders: Sequence[Order],
    backend: str | None = None,
) -> Tensor:
    """Scan one sequence in several orders, and sum.

    Everything that belongs to tokens goes in and comes out token-major and in the sequence's own
    order; each direction k reads and writes its tokens in `orders[k]`, without copies. The
    result is that of K calls of `selective_scan`, each on tokens brought into its order and back,
    summed. A token's gate travels with it and is the same in all directions, so it is applied
    once, to the sum.

    Parameters
    ----------
    u : Tensor, shape (B, L, D), or K of them
        Input of all directions, or of each.
    delta : K tensors, shape (B, L, D)
        Unbiased time steps.
    A : K tensors, shape (D, N), or one (K, D, N)
    B, C : K tensors, shape (B, L, N) or (B, L, G, N)
    D, delta_bias : K tensors, shape (D,), or one (K, D), optional
    z : Tensor, shape (B, L, D), optional
        Gate.
    delta_softplus : bool
        Whether the time steps go through softplus.
    orders : K orders
        See `orders.Order`.
    backend : str, optional
        As in `selective_scan`, where all arguments' meaning is said.

    Returns
    -------
    Tensor, shape (B, L, D)
        Contiguous, in u's dtype.

    Raises
    ------
    ValueError
        If numbers of directions, shapes, devices or dtypes do not fit, an order does not fit L,
        or the backend does not run here.
    """
    us = [u] * len(orders) if isinstance(u, Tensor) else list(u)
    deltas, Bs, Cs = list(delta), list(B), list(C)
    rates = _stacked(A)
    skips = None if D is None else _stacked(D)
    biases = None if delta_bias is None else _stacked(delta_bias)
    checks.multi_scan(us, deltas, rates, Bs, Cs, skips, z, biases, orders)
    Bs, Cs = ([x if x.ndim == 4 else x.unsqueeze(2) for x in xs] for xs in (Bs, Cs))
    return _run(us, deltas, rates, Bs, Cs, skips, z, biases, delta_softplus, orders, backend)


def _token_major(B: Tensor) -> Tensor:
    """(B, N, L) or (B, G, N, L) -> (B, L, G, N)."""
    return (B if B.ndim == 4 else B[:, None]).permute(0, 3, 1, 2)


def _stacked(x: Tensor | Sequence[Tensor]) -> Tensor:
    return x if isinstance(x, Tensor) else torch.stack(list(x))


def _run(
    u: list[Tensor],
    delta: list[Tensor],
    A: Tensor,
    B: list[Tensor],
    C: list[Tensor],
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    softplus: bool,
    orders: Sequence[Order],
    backend: str | None,
) -> Tensor:
    shape = (len(u), *u[0].shape)
    operator = choose(u[0].device, u[0].dtype, backend, shape).scan
    given = (*u, *delta, A, *B, *C, D, z, delta_bias)
    keep = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in given)
    chunks, backwards = [o.chunks for o in orders], [o.reverse for o in orders]
    y, _ = operator(u, delta, A, B, C, D, z, delta_bias, softplus, chunks, backwards, keep)
    return y
