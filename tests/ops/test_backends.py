"""How backends are found at their first use, and what is said of those that do not run."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
import torch
from scans import random_arguments

from mambaseg.ops import backends, mamba_ssm, measure, selective_scan, selftest, triton
from mambaseg.ops.conv import causal_conv
from mambaseg.ops.operators import Operators

PORTABLE = backends.load("torch")


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A process in which no backend was tried yet."""

    def forget() -> None:
        backends._status.cache_clear()
        backends._check_portable.cache_clear()

    forget()
    monkeypatch.setattr(backends, "_loaded", {"torch": PORTABLE})
    monkeypatch.setattr(backends, "_notes", {})
    yield monkeypatch
    forget()


@pytest.fixture
def card(fresh: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As if torch found a card."""
    fresh.delenv("TRITON_INTERPRET", raising=False)
    fresh.setattr(torch.cuda, "is_available", lambda: True)
    fresh.setattr(torch.cuda, "get_device_capability", lambda: (8, 6))
    fresh.setattr(torch.cuda, "get_device_name", lambda: "A Card")
    return fresh


def reason_of_triton() -> str:
    status = backends._status("triton")
    assert not status.works
    assert "the portable scan, which is slow, is used instead" in status.reason
    assert "\n" not in status.reason
    return status.reason


def test_without_triton(card: pytest.MonkeyPatch) -> None:
    card.setitem(sys.modules, "triton", None)
    assert reason_of_triton().startswith("Triton is not installed; ")


def test_a_triton_that_is_too_old(card: pytest.MonkeyPatch) -> None:
    old = ModuleType("triton")
    old.__version__ = "3.1.0"  # type: ignore[attr-defined]
    card.setitem(sys.modules, "triton", old)
    assert reason_of_triton().startswith("Triton 3.1.0 is older than 3.3; ")


def test_a_card_that_is_too_old(card: pytest.MonkeyPatch) -> None:
    card.setattr(torch.cuda, "get_device_capability", lambda: (6, 1))
    assert reason_of_triton().startswith("A Card has compute capability 6.1, and Triton compiles")


@pytest.mark.parametrize(("compiler", "said"), [(None, "no C compiler is here"), ("/cc", "exit")])
def test_a_triton_that_fails_where_it_is_tried(
    compiler: str | None, said: str, card: pytest.MonkeyPatch
) -> None:
    """Most often it finds neither a C compiler nor Python's headers, of which it has need."""

    def fail(*_: Any) -> None:
        raise RuntimeError("Command '['/usr/bin/gcc', ...]' returned exit status 1.\nmore\nlines")

    card.setattr(triton, "load", lambda: PORTABLE)
    card.setattr(selftest, "check", fail)
    card.setattr("shutil.which", lambda name: compiler)
    reason = reason_of_triton()
    assert said in reason
    assert "apt install gcc python3-dev" in reason


def test_threads_that_come_first_at_once_share_one_backend(fresh: pytest.MonkeyPatch) -> None:
    loads: list[str] = []

    def slowly(name: str) -> Operators:
        loads.append(name)
        time.sleep(0.05)
        return Operators(*PORTABLE)

    fresh.setattr(backends, "_load", slowly)
    fresh.setattr(selftest, "check", lambda *_: None)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: (backends._status("cpu"), backends.load("cpu")), range(4)))
    assert loads == ["cpu"]
    assert all(status.works for status, _ in found)
    assert len({id(operators) for _, operators in found}) == 1


def test_running_out_of_memory_says_nothing_of_a_backend(fresh: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError

    with fresh.context() as patch:
        patch.setattr(selftest, "check", fail)
        with pytest.raises(torch.OutOfMemoryError):
            backends._status("cpu")
    assert backends._status("cpu").works


def test_a_measurement_that_runs_out_of_memory_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> dict[str, float]:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(measure, "_times", fail)
    monkeypatch.setattr(measure, "_known", {})
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    assert measure.fastest(torch.device("cuda", 0), torch.float32, (1, 1, 64, 8), {}) is None
    assert not measure._known


def test_without_causal_conv1d_triton_convolves(fresh: pytest.MonkeyPatch) -> None:
    scan, conv = object(), object()
    theirs, ours = Operators(scan, None), Operators(None, conv)  # type: ignore[arg-type]
    fresh.setattr(mamba_ssm, "load", lambda: (theirs, "causal-conv1d is not installed"))
    fresh.setattr(triton, "load", lambda: ours)
    fresh.setattr(selftest, "check", lambda *_: None)
    assert backends.load("mamba_ssm") == (scan, conv)
    assert backends._status("mamba_ssm") == ("mamba_ssm", True, "causal-conv1d is not installed")


def test_a_device_on_which_the_portable_scan_is_wrong_is_told_once(
    fresh: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise selftest.SelfTestError("the output is off")

    fresh.setattr(selftest, "check", fail)
    fresh.delenv(backends.ENVIRONMENT_VARIABLE, raising=False)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert backends.default_backend("mps") == "torch"
    (said,) = caplog.messages
    assert "the portable scan is wrong on the device 'mps' (the output is off)" in said


@pytest.mark.parametrize("backend", ["cpu", "torch"])
def test_no_samples_give_no_samples(backend: str) -> None:
    given = {name: x.float() for name, x in random_arguments(1, 1, 6, 3, 20, 0).items()}
    empty = {name: x[:0] if x.shape[0] == 1 and x.ndim > 2 else x for name, x in given.items()}
    leaves = {name: x.requires_grad_() for name, x in empty.items()}
    y = selective_scan(**leaves, delta_softplus=True, backend=backend)
    assert y.shape == given["u"][:0].shape
    y.sum().backward()
    x = torch.zeros(0, 12, 3)
    assert causal_conv(x, torch.ones(3, 4), backend=backend).shape == x.shape
