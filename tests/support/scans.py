"""Arguments for scans, and the scan by its definition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from golden import noise
from mambaseg.ops import Order, available_backends, selective_scan

ON_CPU = [name for name in available_backends() if name in ("cpu", "torch")]
"""Backends that compute on a CPU, whatever else this machine has."""


def random_arguments(
    batch: int, groups: int, heads: int, states: int, length: int, seed: int
) -> dict[str, Tensor]:
    """Arguments of `selective_scan`, float64."""
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g, dtype=torch.float64)

    dim = groups * heads
    return {
        "u": normal(batch, dim, length),
        "delta": normal(batch, dim, length),
        "A": -torch.exp(normal(dim, states)),
        "B": normal(batch, groups, states, length),
        "C": normal(batch, groups, states, length),
        "D": normal(dim),
        "z": normal(batch, dim, length),
        "delta_bias": normal(dim),
    }


def by_definition(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, z: Tensor, bias: Tensor
) -> Tensor:
    """One position after the other, straight from the recurrence."""
    groups = B.shape[1]
    B, C = (x.repeat_interleave(u.shape[1] // groups, dim=1) for x in (B, C))
    dt = F.softplus(delta + bias[:, None])
    h = torch.zeros(u.shape[0], u.shape[1], A.shape[1], dtype=u.dtype)
    steps = []
    for t in range(u.shape[-1]):
        h = torch.exp(dt[..., t, None] * A) * h + (dt * u)[..., t, None] * B[..., t]
        steps.append((C[..., t] * h).sum(-1))
    return (torch.stack(steps, -1) + u * D[:, None]) * F.silu(z)


def random_directions(
    directions: int, batch: int, groups: int, heads: int, states: int, length: int, seed: int
) -> dict[str, list[Tensor] | Tensor]:
    """Arguments of `multi_scan`, float64."""
    every = [
        random_arguments(batch, groups, heads, states, length, seed + k) for k in range(directions)
    ]
    tokens = {
        name: [x[name].transpose(1, 2).contiguous() for x in every] for name in ("u", "delta")
    }
    states_ = {name: [x[name].permute(0, 3, 1, 2) for x in every] for name in ("B", "C")}
    channels = {name: [x[name] for x in every] for name in ("A", "D", "delta_bias")}
    return {**tokens, **states_, **channels, "z": every[0]["z"].transpose(1, 2)}


def direction_by_direction(x: dict, orders: list[Order], backend: str) -> Tensor:
    """What `multi_scan` is to give, from plain scans around permutations that are spelled out."""
    total = torch.zeros_like(x["u"][0])
    for k, order in enumerate(orders):
        token_major = {name: permute(x[name][k], order) for name in ("u", "delta", "B", "C")}
        y = selective_scan(
            token_major["u"].transpose(1, 2),
            token_major["delta"].transpose(1, 2),
            x["A"][k],
            token_major["B"].permute(0, 2, 3, 1),
            token_major["C"].permute(0, 2, 3, 1),
            D=x["D"][k],
            z=permute(x["z"], order).transpose(1, 2),
            delta_bias=x["delta_bias"][k],
            delta_softplus=True,
            backend=backend,
        )
        total = total + permute_back(y.transpose(1, 2), order)
    return total


def permute(x: Tensor, order: Order) -> Tensor:
    """Bring tokens (B, L, ...) into an order by views of an image, and a flip."""
    x = x.unflatten(1, (order.chunks, -1)).transpose(1, 2).flatten(1, 2)
    return x.flip(1) if order.reverse else x


def permute_back(x: Tensor, order: Order) -> Tensor:
    """Undo `permute`."""
    x = x.flip(1) if order.reverse else x
    return x.unflatten(1, (-1, order.chunks)).transpose(1, 2).flatten(1, 2)


def close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    """Assert that no number is off by more than `tolerance` of the largest."""
    error = float((found.detach().double() - expected.double()).abs().max())
    assert error <= tolerance * max(float(expected.abs().max()), 1e-30)


def close_gradients(found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float) -> None:
    """Assert it of each gradient.

    Some are sums whose terms may cancel out but for their rounding: no number counts as smaller
    than a hundredth of the largest of all.
    """
    largest = max(float(one.abs().max()) for one in expected)
    for one, other in zip(found, expected, strict=True):
        error = float((one.double() - other.double()).abs().max())
        assert error <= tolerance * max(float(other.abs().max()), largest / 100)


def golden_arguments(meta: dict, dtype: torch.dtype) -> dict[str, Tensor]:
    """Arguments of `selective_scan` as the authors' numbers were made with."""
    tensors = {}
    for name, entry in meta["inputs"].items():
        x = noise(entry["seed"], entry["shape"]) * np.float32(entry["s"]) + np.float32(entry["b"])
        if entry.get("then") == "abs":
            x = np.abs(x)
        elif entry.get("then"):
            x = -np.exp(x)
        tensors[name] = torch.from_numpy(x).to(dtype).requires_grad_()
    return tensors
