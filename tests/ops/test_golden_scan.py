"""The scan against the authors' numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scans import ON_CPU, golden_arguments

from golden import Golden, names, noise, sample
from mambaseg.ops import selective_scan


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", names("ops/scan_*"))
def test_scan_meets_the_authors_numbers(name: str, dtype: torch.dtype, backend: str) -> None:
    golden = Golden(name)
    meta, arrays = golden.meta, golden.arrays
    x = golden_arguments(meta, dtype)
    y = selective_scan(**x, delta_softplus=meta["delta_softplus"], backend=backend)
    assert list(y.shape) == meta["out"]["shape"]
    # The fixture was computed in float64 and rounded to float32.
    error = np.abs(sample(y, meta["out"]["step"]) - arrays["out"]).max()
    assert error <= (1e-6 if dtype == torch.float64 else 2e-4) * max(1.0, meta["out"]["std"])

    y.backward(torch.from_numpy(noise(_noise_seed(meta), y.shape)).to(dtype) / y.numel())
    for argument, tensor in x.items():
        expected = arrays[f"grad_{argument}"]
        found = sample(tensor.grad, meta["grads"][argument]["step"])
        tolerance = 1e-6 if dtype == torch.float64 else 1e-5
        scale = max(np.abs(expected).max(), 1e-12)
        assert np.abs(found - expected).max() <= tolerance * scale, argument


def _noise_seed(meta: dict) -> str:
    return next(word for word in meta["loss"].split() if word.startswith("scan/"))
