"""Which backend a GPU uses: measured once per device, dtype and class of shapes.

The measurement itself needs a GPU, and is replaced by times made up.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mambaseg.ops import backends, measure
from mambaseg.ops.operators import Operators

GPU = torch.device("cuda", 0)
CANDIDATES: Any = {"mamba_ssm": Operators(None, None), "triton": Operators(None, None)}  # type: ignore[arg-type]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes that were measured; Triton is the faster one for long sequences."""
    shapes: list[tuple[int, ...]] = []

    def times(
        device: torch.device, dtype: torch.dtype, shape: tuple[int, ...], candidates: Any
    ) -> dict[str, float]:
        shapes.append(shape)
        return {"mamba_ssm": 1.0, "triton": 0.5 if shape[2] > 10000 else 2.0}

    monkeypatch.setattr(measure, "_times", times)
    monkeypatch.setattr(measure, "_known", {})
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    return shapes


def fastest(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> str | None:
    return measure.fastest(GPU, dtype, shape, CANDIDATES)


def test_each_class_of_shapes_is_measured_once(measured: list[tuple[int, ...]]) -> None:
    assert fastest((1, 1, 4096, 768)) == "mamba_ssm"
    assert fastest((1, 1, 5000, 800)) == "mamba_ssm"
    assert measured == [(1, 1, 4096, 512)]
    assert fastest((3, 1, 32768, 192)) == "triton"
    assert fastest((1, 1, 4096, 768), torch.bfloat16) == "mamba_ssm"
    assert measured[1:] == [(2, 1, 32768, 128), (1, 1, 4096, 512)]


def test_large_shapes_are_measured_on_shorter_sequences() -> None:
    directions, batch, length, width = measure.shape_class((1, 4, 262144, 768))
    assert (directions, batch, width) == (1, 4, 512)
    assert batch * length * width <= measure.LARGEST
    assert measure.shape_class((1, 1, 1, 1)) == (1, 1, 1, 1)


def test_nothing_is_measured_while_a_graph_is_recorded(
    measured: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert fastest((1, 1, 4096, 768)) is None
    assert not measured


def test_the_faster_one_computes_unless_told_otherwise(
    measured: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_is_measured", lambda kind: kind == "cuda")
    monkeypatch.setattr(backends, "_loaded", {**backends._loaded, **CANDIDATES})
    monkeypatch.delenv(backends.ENVIRONMENT_VARIABLE, raising=False)

    def chosen(dtype: torch.dtype, shape: tuple[int, ...], wish: str | None = None) -> Operators:
        return backends.choose(GPU, dtype, wish, shape)

    assert chosen(torch.float32, (3, 1, 32768, 192)) is CANDIDATES["triton"]
    assert chosen(torch.float32, (1, 1, 4096, 768)) is CANDIDATES["mamba_ssm"]
    assert chosen(torch.float64, (1, 1, 4096, 768)) is backends._loaded["torch"]
    assert chosen(torch.float32, (1, 1, 4096, 768), "torch") is backends._loaded["torch"]
    assert len(measured) == 2
