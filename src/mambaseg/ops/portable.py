"""The selective scan in plain PyTorch, exact, on any device.

The recurrence, per channel d and state n (Gu and Dao 2023, arXiv 2312.00752,
algorithm 2, with the input discretised by dt * B), is

    h[t] = exp(dt[t] * A) * h[t-1] + dt[t] * B[t] * u[t],    y[t] = sum_n C[t] * h[t].

A loop over all positions would cost one round of small tensor operations each.
Instead the sequence is cut into about sqrt(L) chunks; one loop runs over the
positions *inside* a chunk, for all chunks at once, from a zero state. The true
state at each chunk's start then follows from a short loop over chunks, since
the decay over a chunk is exp(A * sum dt). A second loop inside the chunks, from
those states, gives y. Decays are only ever multiplied, never divided, so
nothing overflows however long the sequence.

The backward pass is the same recurrence run from the end, with the states
computed again instead of kept: what is kept for it are the inputs alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["scan", "scan_backward"]


def _chunk_length(length: int) -> int:
    # Time goes with (positions in a chunk) + (chunks), least where both are equal.
    return max(1, math.isqrt(length - 1) + 1) if length > 1 else 1


def _to_chunks(x: Tensor, chunk: int) -> Tensor:
    """(..., L) -> (chunk, ..., n_chunks), zero-padded at the end.

    Padding is harmless: where dt is zero, the state passes unchanged.
    """
    length = x.shape[-1]
    n_chunks = -(-length // chunk)
    x = torch.nn.functional.pad(x, (0, n_chunks * chunk - length))
    return x.unflatten(-1, (n_chunks, chunk)).movedim(-1, 0).contiguous()


def _from_chunks(x: Tensor, length: int) -> Tensor:
    """(chunk, ..., n_chunks) -> (..., L), the inverse of `_to_chunks`."""
    return x.movedim(0, -1).flatten(-2)[..., :length]


def _carry(state: Tensor, decay: Tensor, reverse: bool = False) -> Tensor:
    """State that enters each chunk, from the state that each leaves when entered with zero.

    Both arguments and the result have the shape (..., n_chunks).
    """
    entering = torch.zeros_like(state)
    n_chunks = state.shape[-1]
    order = range(n_chunks - 1, 0, -1) if reverse else range(n_chunks - 1)
    step = -1 if reverse else 1
    for k in order:
        entering[..., k + step] = torch.addcmul(state[..., k], decay[..., k], entering[..., k])
    return entering


def scan(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """Scan with positive time steps.

    Parameters
    ----------
    u, dt : Tensor, shape (B, G, H, L)
        Input and time steps; G groups of H channels share their B and C.
    A : Tensor, shape (G, H, N)
    B, C : Tensor, shape (B, G, N, L)

    Returns
    -------
    Tensor, shape (B, G, H, L)
        y without the D skip and the gate, in the inputs' common dtype.
    """
    length = u.shape[-1]
    chunk = _chunk_length(length)
    # The decays are computed twice here, so that memory stays at a few times the input's.
    u, dt, B, C = (_to_chunks(x, chunk) for x in (u, dt, B, C))
    dtu = dt * u
    h = dt.new_zeros(*dt.shape[1:4], A.shape[-1], dt.shape[-1])
    for t in range(chunk):
        h = _step(h, _decay(dt[t], A), dtu[t], B[t])
    h = _carry(h, _decay(dt.sum(0), A))
    y = torch.empty_like(dt)
    for t in range(chunk):
        h = _step(h, _decay(dt[t], A), dtu[t], B[t])
        y[t] = (h * C[t][:, :, None]).sum(3)
    return _from_chunks(y, length)


def scan_backward(
    grad_y: Tensor, u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Give the gradients of u, dt, A, B and C, of the arguments of `scan` and its y's gradient."""
    length = u.shape[-1]
    chunk = _chunk_length(length)
    u, dt, B, C, gy = (_to_chunks(x, chunk) for x in (u, dt, B, C, grad_y))
    dtu = dt * u
    decay = _decay(dt, A)
    chunk_decay = _decay(dt.sum(0), A)

    # Forward: the state ahead of every position, computed again.
    h = dt.new_zeros(decay.shape[1:])
    for t in range(chunk):
        h = _step(h, decay[t], dtu[t], B[t])
    h = _carry(h, chunk_decay)
    before = torch.empty_like(decay)
    for t in range(chunk):
        before[t] = h
        h = _step(h, decay[t], dtu[t], B[t])

    # Backward: the adjoint g[t] = C[t] gy[t] + decay[t+1] g[t+1] obeys the same
    # recurrence from the end. `g` holds what reaches a position from later ones.
    g = torch.zeros_like(h)
    for t in reversed(range(chunk)):
        g = _step(g, 1.0, gy[t], C[t]).mul_(decay[t])
    g = _carry(g, chunk_decay, reverse=True)
    grad_dtu, grad_dt = torch.empty_like(dt), torch.empty_like(dt)
    grad_A = torch.zeros_like(A)
    grad_B, grad_C = torch.empty_like(B), torch.empty_like(C)
    for t in reversed(range(chunk)):
        grad_C[t] = (_step(before[t], decay[t], dtu[t], B[t]) * gy[t][:, :, :, None]).sum(2)
        g = _step(g, 1.0, gy[t], C[t])
        grad_B[t] = (g * dtu[t][:, :, :, None]).sum(2)
        grad_dtu[t] = (g * B[t][:, :, None]).sum(3)
        g.mul_(decay[t])
        through_decay = g * before[t]
        grad_dt[t] = (through_decay * A[None, ..., None]).sum(3)
        grad_A += (through_decay * dt[t][:, :, :, None]).sum((0, 4))
    grad_dt.addcmul_(grad_dtu, u)
    grad_u = grad_dtu * dt
    return (
        _from_chunks(grad_u, length),
        _from_chunks(grad_dt, length),
        grad_A,
        _from_chunks(grad_B, length),
        _from_chunks(grad_C, length),
    )


def _decay(dt: Tensor, A: Tensor) -> Tensor:
    """exp(dt A), shape (..., B, G, H, N, K), of dt (..., B, G, H, K) and A (G, H, N)."""
    return torch.exp(dt.unsqueeze(-2) * A[..., None])


def _step(h: Tensor, decay: Tensor | float, x: Tensor, B: Tensor) -> Tensor:
    """Decay * h + B x at one position of all chunks.

    Shapes: h and decay (B, G, H, N, K), x (B, G, H, K), B (B, G, N, K).
    """
    return torch.addcmul(h * decay, x[:, :, :, None], B[:, :, None])
