"""Several directions in one call, and the convolution, against explicit permutations."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from scans import (
    ON_CPU,
    close,
    close_gradients,
    direction_by_direction,
    permute,
    permute_back,
    random_directions,
)
from torch import Tensor

from mambaseg.ops import (
    NATURAL,
    REVERSED,
    Order,
    causal_conv,
    column_major,
    interleaved,
    multi_scan,
)

BACKENDS = pytest.mark.parametrize("backend", ON_CPU)
TOLERANCES = {torch.float64: 1e-10, torch.float32: 1e-4}


def test_orders_are_flips_and_transposes() -> None:
    image = torch.arange(12).view(3, 4)
    tokens = image.flatten()
    assert tokens[NATURAL.rows(12)].tolist() == tokens.tolist()
    assert tokens[REVERSED.rows(12)].tolist() == tokens.flip(0).tolist()
    assert tokens[column_major(3).rows(12)].tolist() == image.t().flatten().tolist()
    assert tokens[interleaved(3).rows(12)].tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    backwards = column_major(3, reverse=True)
    assert tokens[backwards.rows(12)].tolist() == image.t().flatten().flip(0).tolist()


@pytest.mark.parametrize("chunks", [0, -1, 4])
def test_orders_refuse_unequal_chunks(chunks: int) -> None:
    with pytest.raises(ValueError, match=f"10 tokens cannot be cut into {chunks}"):
        interleaved(chunks).rows(10)


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, list[Order]]:
    """A length, and orders that fit it."""
    chunks = draw(st.lists(st.sampled_from([1, 1, 2, 3, 5]), min_size=1, max_size=4))
    length = 30 * draw(st.integers(1, 6))
    return length, [Order(n, draw(st.booleans())) for n in chunks]


@BACKENDS
@settings(max_examples=30, deadline=None)
@given(
    plan=plans(),
    batch=st.integers(1, 2),
    groups=st.integers(1, 2),
    heads=st.integers(1, 20),
    states=st.integers(1, 9),
    dtype=st.sampled_from(list(TOLERANCES)),
    seed=st.integers(0, 2**31),
)
def test_equals_plain_scans_around_permutations(
    backend: str,
    plan: tuple[int, list[Order]],
    batch: int,
    groups: int,
    heads: int,
    states: int,
    dtype: torch.dtype,
    seed: int,
) -> None:
    length, orders = plan
    exact = random_directions(len(orders), batch, groups, heads, states, length, seed)
    leaves = [
        v.requires_grad_() for vs in exact.values() for v in (vs if isinstance(vs, list) else [vs])
    ]
    expected = direction_by_direction(exact, orders, "torch")
    weights = torch.randn(expected.shape, dtype=torch.float64)
    expected_grads = torch.autograd.grad(expected, leaves, weights)

    x: dict[str, Any] = {
        name: [v.detach().to(dtype).requires_grad_() for v in vs]
        if isinstance(vs, list)
        else vs.detach().to(dtype).requires_grad_()
        for name, vs in exact.items()
    }
    y = multi_scan(**x, delta_softplus=True, orders=orders, backend=backend)
    assert y.is_contiguous()
    close(y, expected, TOLERANCES[dtype])
    leaves = [v for vs in x.values() for v in (vs if isinstance(vs, list) else [vs])]
    grads = torch.autograd.grad(y, leaves, weights.to(dtype))
    close_gradients(grads, expected_grads, TOLERANCES[dtype])


@BACKENDS
def test_one_input_for_all_directions(backend: str) -> None:
    orders = [NATURAL, column_major(6), REVERSED, column_major(6, reverse=True)]
    x: dict[str, Any] = random_directions(4, 2, 1, 5, 3, 24, seed=0)
    x["u"] = [x["u"][0].requires_grad_()] * 4
    one = {**x, "u": x["u"][0]}
    y = multi_scan(**one, orders=orders, backend=backend)
    torch.testing.assert_close(y, multi_scan(**x, orders=orders, backend=backend))
    assert torch.autograd.grad(y.sum(), one["u"])[0].isfinite().all()


def test_three_dimensional_projections_and_stacked_arguments_fit_too() -> None:
    orders = [NATURAL, REVERSED]
    x: dict[str, Any] = random_directions(2, 2, 1, 5, 3, 24, seed=1)
    expected = multi_scan(**x, orders=orders)
    stacked = {k: v if k in ("u", "z") else torch.stack(list(v)) for k, v in x.items()}
    stacked |= {k: stacked[k].squeeze(3) for k in ("B", "C")}
    torch.testing.assert_close(multi_scan(**stacked, orders=orders), expected)


def test_gradcheck() -> None:
    orders = [interleaved(3), REVERSED]
    x: dict[str, Any] = random_directions(2, 1, 1, 2, 2, 6, seed=2)
    names = list(x)
    leaves = [(torch.stack(v) if isinstance(v, list) else v).requires_grad_() for v in x.values()]

    def run(*values: Tensor) -> Tensor:
        given = dict(zip(names, values, strict=True))
        given |= {"u": list(given["u"])}
        return multi_scan(**given, delta_softplus=True, orders=orders)

    assert torch.autograd.gradcheck(run, leaves)


@BACKENDS
@settings(max_examples=30, deadline=None)
@given(
    plan=plans(),
    batch=st.integers(1, 2),
    width=st.integers(1, 40),
    taps=st.integers(1, 6),
    dtype=st.sampled_from(list(TOLERANCES)),
    seed=st.integers(0, 2**31),
)
def test_convolution_equals_torch_around_permutations(
    backend: str,
    plan: tuple[int, list[Order]],
    batch: int,
    width: int,
    taps: int,
    dtype: torch.dtype,
    seed: int,
) -> None:
    length, (order, *_) = plan
    g = torch.Generator().manual_seed(seed)
    shapes = [(batch, length, width), (width, taps), (width,), (batch, length, width)]
    *exact, weights = (torch.randn(s, generator=g, dtype=torch.float64) for s in shapes)
    x, weight, bias = (v.requires_grad_() for v in exact)
    padded = F.pad(permute(x, order).transpose(1, 2), (taps - 1, 0))
    expected = F.silu(F.conv1d(padded, weight[:, None], bias, groups=width)).transpose(1, 2)
    expected = permute_back(expected, order)
    expected_grads = torch.autograd.grad(expected, [x, weight, bias], weights)

    found = [v.detach().to(dtype).requires_grad_() for v in exact]
    y = causal_conv(*found, order=order, backend=backend)
    assert y.is_contiguous()
    close(y, expected, TOLERANCES[dtype])
    grads = torch.autograd.grad(y, found, weights.to(dtype))
    close_gradients(grads, expected_grads, TOLERANCES[dtype])


def _zeros(**changes: Any) -> dict[str, Any]:
    token, state = torch.zeros(2, 8, 4), torch.zeros(2, 8, 3)
    x: dict[str, Any] = {"u": token, "delta": [token] * 2, "A": torch.zeros(2, 4, 3)}
    return {**x, "B": [state] * 2, "C": [state] * 2, "orders": [NATURAL, REVERSED], **changes}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"orders": []}, "orders must name at least one direction"),
        ({"orders": [NATURAL]}, "delta must hold one tensor for each of the 1 orders; got 2"),
        ({"orders": [NATURAL, interleaved(3)]}, "8 tokens cannot be cut into 3"),
        ({"u": torch.zeros(2, 8)}, "u must have the shape"),
        ({"u": [torch.zeros(2, 8, 4), torch.zeros(2, 8, 5)]}, r"u\[1\] must have the shape"),
        ({"A": torch.zeros(4, 3)}, r"A must have the shape \(2, 4, N\)"),
        ({"B": [torch.zeros(2, 8, 3), torch.zeros(2, 8, 2)]}, r"B\[1\] must have the shape"),
        ({"C": [torch.zeros(2, 8, 3, 3)] * 2}, r"C\[0\] must have the shape"),
        ({"D": torch.zeros(2, 5)}, r"D must have the shape \(2, 4\)"),
        ({"z": torch.zeros(2, 4, 8)}, r"z must have the shape \(2, 8, 4\)"),
        ({"z": torch.zeros(2, 8, 4, dtype=torch.int32)}, "z must be a floating tensor"),
        ({"D": torch.zeros(2, 4, device="meta")}, "D must lie on"),
    ],
)
def test_mismatches_name_the_argument(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        multi_scan(**_zeros(**change))


@pytest.mark.parametrize(
    ("x", "weight", "bias", "message"),
    [
        ((2, 8), (4, 3), (4,), "x must have the shape"),
        ((2, 8, 4), (5, 3), (4,), r"weight must have the shape \(4, taps\)"),
        ((2, 8, 4), (4, 65), (4,), "1 to 64 taps"),
        ((2, 8, 4), (4, 3), (3,), "bias must have the shape"),
    ],
)
def test_the_convolution_refuses(
    x: tuple[int, ...], weight: tuple[int, ...], bias: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        causal_conv(torch.zeros(x), torch.zeros(weight), torch.zeros(bias))
