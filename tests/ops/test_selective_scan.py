"""The scan against its definition, and what it refuses."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import Tensor

from mambaseg.ops import available_backends, selective_scan
from mambaseg.ops.orders import interleaved, invert, reversed_order


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


def random_arguments(
    batch: int, groups: int, heads: int, states: int, length: int, seed: int
) -> dict[str, Tensor]:
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


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    groups=st.integers(1, 3),
    heads=st.integers(1, 4),
    states=st.integers(1, 5),
    length=st.integers(1, 70),
    seed=st.integers(0, 2**31),
)
def test_equals_the_definition(
    batch: int, groups: int, heads: int, states: int, length: int, seed: int
) -> None:
    x = random_arguments(batch, groups, heads, states, length, seed)
    expected = by_definition(*x.values())
    for backend in available_backends():
        y = selective_scan(**x, delta_softplus=True, backend=backend)
        torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("length", [1, 2, 11, 16])
def test_gradcheck(length: int) -> None:
    x = [v.requires_grad_() for v in random_arguments(2, 2, 2, 3, length, seed=length).values()]
    assert torch.autograd.gradcheck(lambda *a: selective_scan(*a, delta_softplus=True), x)


def test_a_very_long_sequence_stays_finite_and_exact() -> None:
    x = random_arguments(1, 1, 2, 2, 5000, seed=1)
    y = selective_scan(**x, delta_softplus=True)
    torch.testing.assert_close(y, by_definition(*x.values()), rtol=1e-9, atol=1e-9)


def test_strides_do_not_matter() -> None:
    x = random_arguments(2, 1, 4, 3, 30, seed=2)
    strided = {
        k: v.transpose(0, -1).contiguous().transpose(0, -1) for k, v in x.items() if v.ndim > 1
    }
    torch.testing.assert_close(
        selective_scan(**{**x, **strided}), selective_scan(**x), rtol=0, atol=0
    )


def test_nan_stays_in_its_channel() -> None:
    x = random_arguments(1, 1, 3, 2, 20, seed=3)
    x["u"][0, 1, 5] = torch.nan
    y = selective_scan(**x, delta_softplus=True)
    assert y[0, 1, 5:].isnan().all()
    assert not y[0, 1, :5].isnan().any()
    assert not y[0, [0, 2]].isnan().any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_low_precision_keeps_a_float32_state(dtype: torch.dtype) -> None:
    x = random_arguments(1, 1, 4, 4, 200, seed=4)
    low = {k: v.to(dtype) for k, v in x.items()}
    y = selective_scan(**low, delta_softplus=True)
    assert y.dtype == dtype
    exact = selective_scan(**{k: v.float() for k, v in low.items()}, delta_softplus=True)
    torch.testing.assert_close(y, exact.to(dtype), rtol=0, atol=0)


def test_autocast_does_not_reach_the_state() -> None:
    x = {k: v.float() for k, v in random_arguments(1, 1, 4, 4, 100, seed=5).items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = selective_scan(**x, delta_softplus=True)
    torch.testing.assert_close(y, selective_scan(**x, delta_softplus=True), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"u": torch.zeros(2, 4)}, "u must have the shape"),
        ({"u": torch.zeros(2, 4, 0)}, "L >= 1"),
        ({"delta": torch.zeros(2, 4, 9)}, "delta must have the shape"),
        ({"A": torch.zeros(3, 2)}, "A must have the shape"),
        ({"B": torch.zeros(2, 3, 2, 8)}, "B must have the shape"),
        ({"C": torch.zeros(2, 1, 2, 7)}, "C must have the shape"),
        ({"C": torch.zeros(2, 2, 8)}, "B and C must agree"),
        ({"D": torch.zeros(5)}, "D must have the shape"),
        ({"z": torch.zeros(1, 4, 8)}, "z must have the shape"),
        ({"delta_bias": torch.zeros(4, 1)}, "delta_bias must have the shape"),
        ({"z": torch.zeros(2, 4, 8, dtype=torch.int64)}, "z must be a floating tensor"),
        ({"u": torch.zeros(2, 4, 8, dtype=torch.int64)}, "u must be a floating tensor"),
        ({"D": torch.zeros(4, device="meta")}, "D must lie on u's device"),
        ({"backend": "abacus"}, "backend 'abacus' does not run here"),
    ],
)
def test_mismatches_name_the_argument(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = random_arguments(2, 1, 4, 2, 8, seed=6)
    with pytest.raises(ValueError, match=message):
        selective_scan(**{**arguments, **change})


@pytest.mark.parametrize(("length", "chunks"), [(12, 1), (12, 3), (12, 12), (35, 5)])
def test_interleaving_takes_one_token_of_every_chunk_in_turn(length: int, chunks: int) -> None:
    order = interleaved(length, chunks)
    explicit = [c * (length // chunks) + i for i in range(length // chunks) for c in range(chunks)]
    assert order.tolist() == explicit
    assert order[invert(order)].tolist() == list(range(length))


def test_reversed_order_is_its_own_inverse() -> None:
    order = reversed_order(7)
    assert order.tolist() == [6, 5, 4, 3, 2, 1, 0]
    assert torch.equal(order, invert(order))


def test_interleaving_refuses_unequal_chunks() -> None:
    with pytest.raises(ValueError, match="10 tokens cannot be cut into 4"):
        interleaved(10, 4)
