"""The backend over mamba-ssm's and causal-conv1d's functions, given functions like theirs.

Theirs need a GPU; these are of the same signature and layout, and run anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from scans import random_directions
from torch import Tensor

from mambaseg.ops import mamba_ssm_backend, selective_scan, selftest
from mambaseg.ops.backends import load
from mambaseg.ops.operators import Operators, register

OPERATORS = register("mamba_ssm_like", mamba_ssm_backend, keeps=False, device=None)


def selective_scan_fn(*arguments: Any, **named: Any) -> Tensor:
    assert all(x.is_contiguous() for x in arguments)
    return selective_scan(*arguments, **named, backend="torch")


def causal_conv1d_fn(x: Tensor, weight: Tensor, bias: Tensor, activation: str) -> Tensor:
    assert activation == "silu"
    assert 2 <= weight.shape[1] <= 4
    taps = weight.shape[1]
    y = F.conv1d(F.pad(x, (taps - 1, 0)), weight[:, None], bias, groups=weight.shape[0])
    return F.silu(y)


@pytest.fixture(autouse=True, params=["with causal-conv1d", "without"])
def operators(request: pytest.FixtureRequest) -> Iterator[Operators]:
    conv = causal_conv1d_fn if request.param == "with causal-conv1d" else None
    mamba_ssm_backend.use(selective_scan_fn, conv)
    yield OPERATORS
    mamba_ssm_backend._functions.update(scan=None, conv=None)


def test_passes_the_self_test(operators: Operators) -> None:
    selftest.compare(operators, load("torch"))


@pytest.mark.parametrize("taps", [1, 2, 4, 5])
def test_convolutions_that_the_package_does_not_take(operators: Operators, taps: int) -> None:
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, 12, 3, generator=g)
    weight, bias = torch.randn(3, taps, generator=g), torch.randn(3, generator=g)
    expected = load("torch").conv(x, weight, bias, 3, True)
    torch.testing.assert_close(operators.conv(x, weight, bias, 3, True), expected)


@pytest.mark.parametrize("directions", [1, 2])
def test_opcheck(operators: Operators, directions: int) -> None:
    x: dict[str, Any] = random_directions(directions, 1, 1, 2, 2, 6, 0)
    tokens = [[v.float().requires_grad_() for v in x[k]] for k in ("u", "delta", "B", "C")]
    A, D, bias = (torch.stack(x[k]).float().requires_grad_() for k in ("A", "D", "delta_bias"))
    z = x["z"].float().contiguous().requires_grad_()
    order = ([1, 3][:directions], [True, False][:directions])
    arguments = (*tokens[:2], A, *tokens[2:], D, z, bias, True, *order, True)
    torch.library.opcheck(operators.scan, arguments)
    x_, weight, shift = (torch.randn(s).requires_grad_() for s in ((1, 6, 3), (3, 2), (3,)))
    torch.library.opcheck(operators.conv, (x_, weight, shift, 2, True))
