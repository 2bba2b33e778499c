"""Instance norm against torch's in double precision."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mambaseg.networks.blocks.instance_norm import instance_norm

LAYOUTS = pytest.mark.parametrize(
    "layout", [torch.contiguous_format, torch.channels_last_3d], ids=["plain", "channels-last"]
)


@LAYOUTS
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.slow
def test_statistics_stay_exact_in_large_volumes(layout: torch.memory_format, grad: bool) -> None:
    torch.manual_seed(0)
    x = (torch.randn(1, 4, 128, 128, 128) * 2 + 3).contiguous(memory_format=layout)
    expected = F.instance_norm(x.double())
    found = instance_norm(x.requires_grad_(grad)).detach()
    assert (found - expected).abs().max() < 1e-5


@LAYOUTS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_values_and_gradients(layout: torch.memory_format, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 20, 18, 16, dtype=torch.float64)
    weight, bias = torch.randn(2, 3, dtype=torch.float64).unbind()
    given = [x.to(dtype).contiguous(memory_format=layout), weight.to(dtype), bias.to(dtype)]
    exact = [tensor.clone().requires_grad_() for tensor in (x, weight, bias)]
    ours = [tensor.clone().requires_grad_() for tensor in given]
    y = instance_norm(*ours)
    expected = F.instance_norm(exact[0], weight=exact[1], bias=exact[2])
    noise = torch.randn_like(x)
    (y * noise.to(dtype)).sum().backward()
    (expected * noise).sum().backward()
    tolerance = {"rtol": 1e-4, "atol": 1e-3} if dtype == torch.float32 else {}
    torch.testing.assert_close(y.double(), expected, **tolerance)
    for a, b in zip(ours, exact, strict=True):
        assert a.grad is not None and b.grad is not None
        torch.testing.assert_close(a.grad.double(), b.grad, **tolerance)
    with torch.no_grad():
        torch.testing.assert_close(instance_norm(*given), y, rtol=1e-5, atol=1e-5)
        written = instance_norm(*given, overwrite=True)
        in_place = written.data_ptr() == given[0].data_ptr()
        assert in_place == (layout == torch.channels_last_3d)
