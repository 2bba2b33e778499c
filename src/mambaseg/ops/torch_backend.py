"""The portable backend: the scan in plain PyTorch, on any device. See `operators` for the shapes.

Directions are scanned one after the other on copies in their order. It is exact rather than fast:
other backends are tested against it in float64.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mambaseg.ops import portable
from mambaseg.ops.arguments import ScanArguments
from mambaseg.ops.orders import Order

__all__ = ["conv", "conv_backward", "scan", "scan_backward"]


def _precision(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


class _Direction:
    """One direction's arguments, in its order and channel-first: (B, G, H, L) and (B, G, N, L)."""

    def __init__(self, x: ScanArguments, k: int) -> None:
        u, delta, B, C = x.u[k], x.delta[k], x.B[k], x.C[k]
        self.dtype = _precision(u)
        self.groups = B.shape[2]
        self.rows = Order(x.chunks[k], x.backwards[k]).rows(u.shape[1], u.device)
        self.u, delta = self.enter(u), self.enter(delta)
        self.A = x.A[k].to(self.dtype).unflatten(0, (self.groups, -1))
        self.B, self.C = (t[:, self.rows].to(self.dtype).permute(0, 2, 3, 1) for t in (B, C))
        self.D = None if x.D is None else self._by_channel(x.D[k])
        self.softplus, bias = x.softplus, x.delta_bias
        self.before = delta if bias is None else delta + self._by_channel(bias[k])
        self.dt = F.softplus(self.before) if x.softplus else self.before

    def _by_channel(self, x: Tensor) -> Tensor:
        by_channel: Tensor = x.to(self.dtype).view(self.groups, -1, 1)
        return by_channel

    def enter(self, x: Tensor) -> Tensor:
        """(B, L, D) in the sequence's order -> (B, G, H, L) in this direction's."""
        x = x[:, self.rows].to(self.dtype).transpose(1, 2)
        return x.unflatten(1, (self.groups, -1))

    def leave(self, x: Tensor) -> Tensor:
        """(B, G, H, L) -> (B, L, D), the inverse of `enter`."""
        return self.put_back(x.flatten(1, 2).transpose(1, 2))

    def put_back(self, x: Tensor) -> Tensor:
        """(B, L, ...) in this direction's order -> in the sequence's."""
        y = torch.empty_like(x, memory_format=torch.contiguous_format)
        y[:, self.rows] = x
        return y

    def run(self) -> Tensor:
        """Give y, (B, L, D), with the skip."""
        y = portable.scan(self.u, self.dt, self.A, self.B, self.C)
        return self.leave(y if self.D is None else torch.addcmul(y, self.u, self.D))

    def gradients(self, grad: Tensor) -> tuple[Tensor, ...]:
        """Give those of u, delta, B, C, A, D and delta_bias."""
        gy = self.enter(grad)
        gu, gdt, gA, gB, gC = portable.scan_backward(gy, self.u, self.dt, self.A, self.B, self.C)
        if self.D is not None:
            gu = torch.addcmul(gu, gy, self.D)
        if self.softplus:
            # Where softplus is taken as linear its slope is 1.
            gdt = torch.where(self.before > 20, gdt, gdt * torch.sigmoid(self.before))
        return (
            self.leave(gu),
            self.leave(gdt),
            self.put_back(gB.permute(0, 3, 1, 2)),
            self.put_back(gC.permute(0, 3, 1, 2)),
            gA.flatten(0, 1),
            (gy * self.u).sum((0, 3)).flatten(),
            gdt.sum((0, 3)).flatten(),
        )


def _directions(given: ScanArguments) -> list[_Direction]:
    return [_Direction(given, k) for k in range(len(given.u))]


def scan(given: ScanArguments, keep: bool) -> tuple[Tensor, Tensor]:
    """Scan in all directions; keeps nothing, the backward pass computes the states again."""
    directions = _directions(given)
    y = directions[0].run()
    for direction in directions[1:]:
        y += direction.run()
    if given.z is not None:
        y *= F.silu(given.z.to(y.dtype))
    return y.to(given.u[0].dtype), y.new_empty(0, dtype=torch.float32)


def scan_backward(grad: Tensor, given: ScanArguments, kept: Tensor) -> list[Tensor]:
    """Give the gradients of u, delta, B and C, each of all directions, then A, D, bias and z."""
    directions = _directions(given)
    grad = grad.to(directions[0].dtype)
    gated = grad
    if given.z is not None:
        gates = given.z.to(grad.dtype)
        gated = grad * F.silu(gates)
    per_direction = [direction.gradients(gated) for direction in directions]
    *per_token, of_A, of_D, of_bias = zip(*per_direction, strict=True)
    grads = [
        g.to(x.dtype)
        for gs, xs in zip(per_token, (given.u, given.delta, given.B, given.C), strict=True)
        for g, x in zip(gs, xs, strict=True)
    ]
    grads.append(torch.stack(of_A).to(given.A.dtype))
    if given.D is not None:
        grads.append(torch.stack(of_D).to(given.D.dtype))
    if given.delta_bias is not None:
        grads.append(torch.stack(of_bias).to(given.delta_bias.dtype))
    if given.z is not None:
        y = sum((direction.run() for direction in directions[1:]), directions[0].run())
        slope = torch.sigmoid(gates) * (1 + gates * torch.sigmoid(-gates))
        grads.append((grad * y * slope).to(given.z.dtype))
    return grads


def _taps(x: Tensor, taps: int) -> list[Tensor]:
    """Give x (B, L, D) as each tap of a causal convolution sees it."""
    padded = F.pad(x, (0, 0, taps - 1, 0))
    return [padded[:, j : j + x.shape[1]] for j in range(taps)]


def _convolve(seen: list[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    out = bias.expand_as(seen[0])
    for j, x in enumerate(seen):
        out = torch.addcmul(out, x, weight[:, j])
    return out


def conv(x: Tensor, weight: Tensor, bias: Tensor, chunks: int, backwards: bool) -> Tensor:
    """Convolve causally along the order, channel by channel, then SiLU."""
    dtype = _precision(x)
    rows = Order(chunks, backwards).rows(x.shape[1], x.device)
    seen = _taps(x[:, rows].to(dtype), weight.shape[1])
    y = torch.empty_like(seen[0], memory_format=torch.contiguous_format)
    y[:, rows] = F.silu(_convolve(seen, weight.to(dtype), bias.to(dtype)))
    return y.to(x.dtype)


def conv_backward(
    grad: Tensor, x: Tensor, weight: Tensor, bias: Tensor, chunks: int, backwards: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Give the gradients of x, weight and bias."""
    dtype = _precision(x)
    rows = Order(chunks, backwards).rows(x.shape[1], x.device)
    seen = _taps(x[:, rows].to(dtype), weight.shape[1])
    out = _convolve(seen, weight.to(dtype), bias.to(dtype))
    slope = torch.sigmoid(out) * (1 + out * torch.sigmoid(-out))
    g = grad[:, rows].to(dtype) * slope
    later = [tap.flip(1) for tap in _taps(g.flip(1), weight.shape[1])]
    grad_x = torch.empty_like(g, memory_format=torch.contiguous_format)
    grad_x[:, rows] = sum(
        (tap * weight[:, j].to(dtype) for j, tap in enumerate(later)), torch.zeros_like(g)
    )
    grad_weight = torch.stack([(g * tap).sum((0, 1)) for tap in seen], dim=1)
    return grad_x.to(x.dtype), grad_weight.to(weight.dtype), g.sum((0, 1)).to(bias.dtype)
