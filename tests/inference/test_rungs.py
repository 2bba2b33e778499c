"""Each way of giving way, run through an engine: the labels are those without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from models import PICTURES, VOLUMES, model_of, random_clip, random_volume, small_model
from shortages import adapted, check_same, once, starve
from torch import Tensor

from mambaseg.inference import Engine, Options
from mambaseg.inference import ladder as ladder_module
from mambaseg.inference.forward import Forward
from mambaseg.inference.stitching import Stitcher

EXACT = Options(precision="float32")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> str:
    """A device that counts as an accelerator, though the processor computes."""
    monkeypatch.setattr("mambaseg.inference.devices.available_devices", lambda: ["cpu:0", "cpu"])
    return "cpu:0"


def starve_card(*_: object) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


def test_sums_of_an_accelerator_in_the_machines_memory_give_the_same(
    card: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = model_of(tmp_path, "m", VOLUMES), random_volume((48, 32, 32))
    options = replace(EXACT, batch=1)
    expected = Engine("cpu").segment(image, model, options).labels
    once(monkeypatch, Stitcher, "add", starve_card, at=2)
    events = list(Engine(card).stream(image, model, options))
    assert adapted(events) == ["stitch_on_cpu"]
    np.testing.assert_array_equal(check_same(events), expected)
    assert events[-1].record.stages[-1].settings.stitching == "memory"


def test_the_network_on_the_processor_gives_the_same(
    card: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the accelerator's memory has sufficed for two frames; these stay."""
    model, image = model_of(tmp_path, "m", PICTURES), random_clip(6)
    options = replace(EXACT, batch=1)
    expected = Engine("cpu").segment(image, model, options).labels
    run, calls = Forward._run, []

    def full(self: Forward, x: Tensor) -> Tensor:
        calls.append(str(self.device))
        if len(calls) > 2 and str(self.device) == card:
            starve_card()
        return run(self, x)

    monkeypatch.setattr(Forward, "_run", full)
    events = list(Engine(card).stream(image, model, options))
    assert adapted(events) == ["network_on_cpu"]
    np.testing.assert_array_equal(check_same(events), expected)
    assert [stage.start for stage in events[-1].record.stages] == [0, 2]
    assert calls == [card] * 3 + ["cpu"] * 4


def test_numbers_of_half_the_size_give_what_they_give_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = small_model(tmp_path), random_clip(8)
    expected = Engine("cpu").segment(image, model, Options(precision="bfloat16")).labels
    monkeypatch.setattr(ladder_module, "computes_bfloat16", lambda device: True)
    monkeypatch.setattr("mambaseg.inference.engine.precision_for", lambda *_: "float32")
    once(monkeypatch, Forward, "_run", starve, at=1)
    events = list(Engine("cpu").stream(image, model))
    assert adapted(events) == ["bfloat16"]
    np.testing.assert_array_equal(check_same(events), expected)
    assert events[-1].record.precision == "bfloat16"
