"""The Triton scan against the authors' numbers and the portable backend."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scans import close, close_gradients, golden_arguments, random_directions

from golden import Golden, names, noise, sample
from mambaseg.ops import Order, multi_scan, selective_scan, selftest
from mambaseg.ops.backends import load
from mambaseg.ops.triton import plan

LONG = {f"ops/scan_{name}" for name in ("long4096", "groups4", "groups4_z", "full_z")}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in LONG else [])
        for name in names("ops/scan_*")
    ],
)
def test_meets_the_authors_numbers(name: str) -> None:
    golden = Golden(name)
    meta, arrays = golden.meta, golden.arrays
    x = golden_arguments(meta, torch.float32)
    y = selective_scan(**x, delta_softplus=meta["delta_softplus"], backend="triton")
    error = np.abs(sample(y, meta["out"]["step"]) - arrays["out"]).max()
    assert error <= 2e-4 * max(1.0, meta["out"]["std"])
    seed = next(word for word in meta["loss"].split() if word.startswith("scan/"))
    y.backward(torch.from_numpy(noise(seed, y.shape)) / y.numel())
    for argument, tensor in x.items():
        expected = arrays[f"grad_{argument}"]
        found = sample(tensor.grad, meta["grads"][argument]["step"])
        scale = max(np.abs(expected).max(), 1e-12)
        assert np.abs(found - expected).max() <= 1e-5 * scale, argument


def compare(orders: list[Order], *sizes: int, softplus: bool = True, bare: bool = False) -> None:
    """Compare output and all gradients with the portable backend's in float64."""
    exact: dict[str, Any] = random_directions(len(orders), *sizes)
    if bare:
        for name in ("D", "z", "delta_bias"):
            del exact[name]
    plan_ = {"delta_softplus": softplus, "orders": orders}
    results = []
    for dtype, backend in ((torch.float64, "torch"), (torch.float32, "triton")):
        x = {
            name: [v.to(dtype).requires_grad_() for v in vs]
            if isinstance(vs, list)
            else vs.to(dtype).requires_grad_()
            for name, vs in exact.items()
        }
        leaves = [v for vs in x.values() for v in (vs if isinstance(vs, list) else [vs])]
        y = multi_scan(**x, **plan_, backend=backend)
        weights = torch.linspace(-1, 1, y.numel(), dtype=dtype).view(y.shape)
        results.append((y, torch.autograd.grad(y, leaves, weights)))
    (expected, expected_gradients), (found, gradients) = results
    close(found, expected, 1e-5)
    close_gradients(gradients, expected_gradients, 1e-5)


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, list[Order]]:
    """A length, and orders that fit it."""
    length = draw(st.sampled_from([1, 4, 30, 66]))
    fitting = [n for n in (1, 2, 3, 22) if length % n == 0]
    one = st.builds(Order, st.sampled_from(fitting), st.booleans())
    return length, draw(st.lists(one, min_size=1, max_size=2))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    plan=plans(),
    groups=st.integers(1, 2),
    heads=st.integers(1, 20),
    states=st.integers(1, 9),
    softplus=st.booleans(),
    bare=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_equals_the_portable_backend(
    plan: tuple[int, list[Order]],
    groups: int,
    heads: int,
    states: int,
    softplus: bool,
    bare: bool,
    seed: int,
) -> None:
    length, orders = plan
    compare(orders, 1, groups, heads, states, length, seed, softplus=softplus, bare=bare)


@pytest.mark.parametrize(("enough", "wanted", "slots"), [(2, 3, 3), (2, 2, 2), (1, 3, 1)])
def test_long_sequences_are_cut_where_programs_are_few(
    monkeypatch: pytest.MonkeyPatch, enough: int, wanted: int, slots: int
) -> None:
    monkeypatch.setattr(plan, "ENOUGH", enough)
    monkeypatch.setattr(plan, "WANTED", wanted)
    assert plan.cut(1, 132, torch.device("cpu")).slots == slots
    compare([Order(3, True)], 1, 1, 3, 4, 132, 0)


def test_programs_of_few_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "channel_block", lambda *_: 4)
    monkeypatch.setattr(plan, "backward_block", lambda *_: 8)
    compare([Order()], 2, 2, 11, 3, 9, 0)


def test_gradients_can_be_made_certain() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        compare([Order()], 1, 1, 11, 3, 9, 0)
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_low_precision_keeps_a_float32_state(dtype: torch.dtype) -> None:
    exact: dict[str, Any] = random_directions(2, 1, 1, 4, 4, 40, 4)
    low = {
        name: [v.to(dtype) for v in vs] if isinstance(vs, list) else vs.to(dtype)
        for name, vs in exact.items()
    }
    wide = {
        name: [v.float() for v in vs] if isinstance(vs, list) else vs.float()
        for name, vs in low.items()
    }
    orders = [Order(), Order(4, True)]
    y = multi_scan(**low, delta_softplus=True, orders=orders, backend="triton")
    assert y.dtype == dtype
    expected = multi_scan(**wide, delta_softplus=True, orders=orders, backend="triton")
    # The interpreter cuts bf16 off, where GPUs round.
    torch.testing.assert_close(y, expected.to(dtype), rtol=2 * torch.finfo(dtype).eps, atol=0)


def test_decay_and_growth_beyond_float32() -> None:
    one = torch.ones(1, 1, 3)
    x = {"u": one, "delta": one, "B": one, "C": one}
    gone = selective_scan(**x, A=torch.tensor([[-1e9]]), backend="triton")
    assert gone.tolist() == [[[1.0, 1.0, 1.0]]]
    grown = selective_scan(**x, A=torch.tensor([[80.0]]), backend="triton")
    assert not grown[..., 2].isfinite()


@pytest.mark.parametrize("argument", ["u", "delta", "A", "z"])
def test_nan_stays_in_its_channel(argument: str) -> None:
    x = {k: v[0] if isinstance(v, list) else v for k, v in random_directions(
        1, 1, 1, 5, 2, 70, 3
    ).items()}  # fmt: skip
    x = {k: v.float() for k, v in x.items()}
    per_token = x[argument].ndim == 3
    x[argument][(0, 5, 1) if per_token else 1] = torch.nan
    y = multi_scan(
        **{k: v if k == "z" else [v] for k, v in x.items()},
        delta_softplus=True, orders=[Order()], backend="triton",
    )  # fmt: skip
    begins = 5 if per_token else 0
    assert y[0, begins, 1].isnan()
    assert not y[0, :begins, 1].isnan().any()
    assert not y[0][:, [0, *range(2, 5)]].isnan().any()


@pytest.mark.parametrize("keep", [True, False])
def test_opcheck_of_the_scan(keep: bool) -> None:
    x: dict[str, Any] = random_directions(2, 1, 1, 2, 2, 6, 0)
    tokens = {k: [v.float().requires_grad_() for v in x[k]] for k in ("u", "delta", "B", "C")}
    rest = {k: torch.stack(x[k]).float().requires_grad_() for k in ("A", "D", "delta_bias")}
    given = {**tokens, **rest, "z": x["z"].float().contiguous().requires_grad_()}
    names = ("u", "delta", "A", "B", "C", "D", "z", "delta_bias")
    arguments = (*(given[name] for name in names), True, [1, 3], [True, False], keep)
    torch.library.opcheck(load("triton").scan, arguments)


@pytest.mark.slow
def test_passes_the_self_test() -> None:
    selftest.compare(load("triton"), load("torch"))


def test_refuses_another_device() -> None:
    with pytest.raises(ValueError, match="'triton' computes on 'cpu'; the input lies on 'meta'"):
        x = torch.zeros(1, 2, 3, device="meta")
        selective_scan(x, x, x[0, :, :1], x[:, :1], x[:, :1], backend="triton")


def test_division_of_steps_by_multiplication() -> None:
    for chunks in (1, 2, 3, 5, 64, 97, 4096, 65537):
        n, per_chunk, magic, shift, _ = (
            x for (x,) in plan.order_numbers((chunks,), (False,), chunks * 7)
        )
        for t in (0, 1, chunks - 1, chunks, 2**31 - 1, 10**9):
            high = (t * (magic % 2**32)) >> 32
            assert ((high + t) >> shift) == t // chunks
        assert (n, per_chunk) == (chunks, 7)
