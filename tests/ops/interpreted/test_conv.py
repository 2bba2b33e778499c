"""The Triton convolution against the portable backend's."""

from __future__ import annotations

import pytest
import torch
from scans import close

from mambaseg.ops import Order, causal_conv
from mambaseg.ops.backends import load


@pytest.mark.parametrize(
    ("order", "length", "width", "taps"),
    [
        (Order(), 1, 1, 1),
        (Order(reverse=True), 35, 3, 4),
        (Order(5), 40, 70, 4),
        (Order(7, True), 21, 5, 3),
    ],
)
def test_equals_the_portable_backend(order: Order, length: int, width: int, taps: int) -> None:
    g = torch.Generator().manual_seed(0)
    shapes = ((2, length, width), (width, taps), (width,))
    exact = [torch.randn(s, generator=g, dtype=torch.float64) for s in shapes]
    results = []
    for dtype, backend in ((torch.float64, "torch"), (torch.float32, "triton")):
        x = [v.to(dtype).requires_grad_() for v in exact]
        y = causal_conv(*x, order=order, backend=backend)
        weights = torch.linspace(-1, 1, y.numel(), dtype=dtype).view(y.shape)
        results.append([y, *torch.autograd.grad(y, x, weights)])
    for expected, found in zip(*results, strict=True):
        close(found, expected, 1e-5)


def test_opcheck() -> None:
    x, weight, bias = (torch.randn(s).requires_grad_() for s in ((1, 6, 3), (3, 2), (3,)))
    torch.library.opcheck(load("triton").conv, (x, weight, bias, 2, True))
