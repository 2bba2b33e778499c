"""The scan against its definition, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from scans import ON_CPU, by_definition, close, close_gradients, random_arguments
from torch import Tensor

from mambaseg.ops import selective_scan

BACKENDS = pytest.mark.parametrize("backend", ON_CPU)
DTYPES = {torch.float64: 1e-10, torch.float32: 1e-4}


@BACKENDS
@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    groups=st.integers(1, 3),
    heads=st.one_of(st.integers(1, 4), st.integers(15, 35)),
    states=st.one_of(st.integers(1, 17), st.just(64)),
    length=st.one_of(st.integers(1, 70), st.integers(120, 200)),
    dtype=st.sampled_from(list(DTYPES)),
    memory=st.sampled_from(["channel-first", "token-major", "every second"]),
    seed=st.integers(0, 2**31),
)
def test_equals_the_definition(
    backend: str,
    batch: int,
    groups: int,
    heads: int,
    states: int,
    length: int,
    dtype: torch.dtype,
    memory: str,
    seed: int,
) -> None:
    exact = random_arguments(batch, groups, heads, states, length, seed)
    leaves = {name: value.requires_grad_() for name, value in exact.items()}
    expected = by_definition(*leaves.values())
    weights = torch.randn(expected.shape, dtype=torch.float64)
    expected_grads = torch.autograd.grad(expected, list(leaves.values()), weights)

    x = {name: value.detach().to(dtype).requires_grad_() for name, value in exact.items()}
    laid_out = {name: lay_out(value, memory) for name, value in x.items()}
    y = selective_scan(**laid_out, delta_softplus=True, backend=backend)
    close(y, expected, DTYPES[dtype])
    grads = torch.autograd.grad(y, list(x.values()), weights.to(dtype))
    close_gradients(grads, expected_grads, DTYPES[dtype])


def lay_out(x: Tensor, memory: str) -> Tensor:
    """Give the same numbers at other strides."""
    if x.ndim < 3 or memory == "channel-first":
        return x
    x = x.transpose(1, -1).contiguous()
    if memory == "every second":
        x = torch.stack([x, torch.full_like(x, torch.nan)], -1)[..., 0]
    return x.transpose(1, -1)


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


@BACKENDS
@pytest.mark.parametrize("argument", ["u", "delta", "A", "D", "z", "delta_bias"])
def test_nan_stays_in_its_channel(argument: str, backend: str) -> None:
    x = {k: v.float() for k, v in random_arguments(1, 1, 20, 2, 90, seed=3).items()}
    per_token = x[argument].ndim == 3
    x[argument][(0, 1, 5) if per_token else 1] = torch.nan
    y = selective_scan(**x, delta_softplus=True, backend=backend)
    begins = 5 if per_token else 0
    assert y[0, 1, begins:].isnan()[0 if argument == "z" else slice(None)].all()
    assert not y[0, 1, :begins].isnan().any()
    assert not y[0, [0, *range(2, 20)]].isnan().any()


@BACKENDS
def test_decay_and_growth_beyond_float32(backend: str) -> None:
    one = torch.ones(1, 1, 3)
    x = {"u": one, "delta": one, "B": one, "C": one}
    gone = selective_scan(**x, A=torch.tensor([[-1e9]]), backend=backend)
    assert gone.tolist() == [[[1.0, 1.0, 1.0]]]
    grown = selective_scan(**x, A=torch.tensor([[80.0]]), backend=backend)
    torch.testing.assert_close(grown[..., :2], torch.tensor([[[1.0, math.exp(80)]]]))
    assert not grown[..., 2].isfinite()


@BACKENDS
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_low_precision_keeps_a_float32_state(dtype: torch.dtype, backend: str) -> None:
    x = random_arguments(1, 1, 4, 4, 200, seed=4)
    low = {k: v.to(dtype) for k, v in x.items()}
    y = selective_scan(**low, delta_softplus=True, backend=backend)
    assert y.dtype == dtype
    float32 = {k: v.float() for k, v in low.items()}
    exact = selective_scan(**float32, delta_softplus=True, backend=backend)
    torch.testing.assert_close(y, exact.to(dtype), rtol=0, atol=0)


@BACKENDS
def test_gradients_have_the_dtype_of_what_they_belong_to(backend: str) -> None:
    x = {k: v.float() for k, v in random_arguments(1, 1, 4, 4, 20, seed=7).items()}
    x |= {name: x[name].bfloat16() for name in ("u", "delta", "B", "C", "z")}
    for value in x.values():
        value.requires_grad_()
    selective_scan(**x, delta_softplus=True, backend=backend).sum().backward()
    assert [v.grad.dtype for v in x.values()] == [v.dtype for v in x.values()]


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
        ({"D": torch.zeros(4, device="meta")}, "D must lie on the input's device"),
        ({"backend": "abacus"}, "there is no backend 'abacus'"),
    ],
)
def test_mismatches_name_the_argument(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = random_arguments(2, 1, 4, 2, 8, seed=6)
    with pytest.raises(ValueError, match=message):
        selective_scan(**{**arguments, **change})
