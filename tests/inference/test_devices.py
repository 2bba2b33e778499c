"""Devices by their names."""

from __future__ import annotations

import pytest
import torch

from mambaseg.inference.devices import available_devices, resolve_device
from mambaseg.training.fitting import ACCELERATORS
from mambaseg.types.errors import UnknownNameError


def test_an_intel_card_segments_and_does_not_train(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.xpu, "device_count", lambda: 1)
    assert available_devices() == ["xpu:0", "cpu"]
    assert resolve_device("auto") == torch.device("xpu:0")
    assert resolve_device("xpu").type == "xpu"
    assert resolve_device("auto", ACCELERATORS) == torch.device("cpu")
    with pytest.raises(UnknownNameError, match="no device 'xpu' for this work here; there are"):
        resolve_device("xpu", ACCELERATORS)
