"""Threads, processes, folders that cannot be written, and which backend computes."""

from __future__ import annotations

import logging
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from scans import random_arguments
from torch import Tensor

from mambaseg.ops import (
    available_backends,
    backend_status,
    backends,
    default_backend,
    selective_scan,
    selftest,
)
from mambaseg.ops.backends import load
from mambaseg.ops.cpu import tasks
from mambaseg.ops.operators import Operators


def arguments(length: int = 700) -> dict[str, Tensor]:
    given = random_arguments(2, 1, 70, 4, length, 0)
    return {name: x.float().requires_grad_() for name, x in given.items()}


def compute(given: dict[str, Tensor]) -> Tensor:
    x = {name: value.detach().requires_grad_() for name, value in given.items()}
    y = selective_scan(**x, delta_softplus=True, backend="cpu")
    y.square().sum().backward()
    return torch.cat([y.detach().flatten(), *(v.grad.flatten() for v in x.values())])


@pytest.fixture
def two_threads() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_cpu_kernels_run_here() -> None:
    assert available_backends()[-2:] == ["cpu", "torch"]
    *_, cpu, portable = backend_status()
    assert cpu == ("cpu", True, "")
    assert portable == ("torch", True, "")


def test_calls_from_many_threads_at_once_are_identical(two_threads: object) -> None:
    given = arguments()
    expected = compute(given)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: torch.equal(compute(given), expected), range(4 * 200)))
    assert len(results) == 800
    assert all(results)


def test_threads_change_nothing_but_rounding(two_threads: object) -> None:
    given = arguments()
    two = compute(given)
    torch.set_num_threads(1)
    torch.testing.assert_close(two, compute(given), rtol=1e-5, atol=1e-4)


def _child(given: dict[str, Tensor], expected: list[float]) -> None:
    signal.alarm(100)  # a child that hangs must not outlive the test
    if any(compute(given).tolist() != expected for _ in range(3)):
        sys.exit(3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_computes_the_same(
    two_threads: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # torch's own threads hang in a forked child, so that what it computes there itself is small,
    # and the arguments, whose exponential MKL takes on threads, are made ahead of the fork.
    monkeypatch.setattr(tasks, "SMALL", 0)
    given = arguments(40)
    expected = compute(given).tolist()
    # The parent's pool has threads, which the child lacks.
    assert [t for t in threading.enumerate() if t.name.startswith("mambaseg-scan")]
    child = multiprocessing.get_context("fork").Process(target=_child, args=(given, expected))
    child.start()
    child.join(600)
    assert child.exitcode == 0


def run_python(code: str, **environment: str) -> str:
    """Run code in a process of its own."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    ).stdout


SPAWN = """
    import multiprocessing, torch
    from mambaseg.ops import selective_scan

    def child(_=None):
        x = torch.linspace(-1, 1, 40 * 90).view(1, 40, 90)
        B = torch.linspace(0, 1, 90).expand(1, 3, 90)
        return selective_scan(x, x, -torch.ones(40, 3), B, B, backend="cpu").sum().item()

    here = child()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(child, range(4)) == [here] * 4
    print("same")
"""


@pytest.mark.slow
def test_spawned_children_compute_the_same(tmp_path: Path) -> None:
    script = tmp_path / "spawn.py"
    body = textwrap.dedent(SPAWN)
    head, tail = body.split("here = child()")
    tail = textwrap.indent("here = child()" + tail, "    ")
    script.write_text(f"{head}if __name__ == '__main__':\n{tail}")
    out = subprocess.run(  # noqa: S603
        [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=600
    )
    assert out.stdout == "same\n"


COMPUTE = """
    import torch
    from mambaseg.ops import available_backends, selective_scan
    x = torch.ones(1, 20, 90)
    B = torch.ones(1, 3, 90)
    y = selective_scan(x, x, -torch.ones(20, 3), B, B)
    print(available_backends(), bool(y.isfinite().all()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["read-only", "missing", "a file"])
def test_a_cache_folder_that_cannot_be_written_is_no_error(folder: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    if folder == "a file":
        cache.write_text("no folder")
    elif folder == "read-only":
        cache.mkdir(mode=0o500)
        if os.access(cache, os.W_OK):  # root writes everywhere but here
            cache.rmdir()
            cache = Path("/proc/mambaseg-cannot-write-here")
    out = run_python(COMPUTE, XDG_CACHE_HOME=str(cache), LOCALAPPDATA=str(cache))
    assert out == "['cpu', 'torch'] True\n"


SSE = "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2"


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="an x86 at other times")
@pytest.mark.parametrize(
    ("name", "features", "lanes"), [("nehalem", SSE, 4), ("haswell", f"{SSE},+avx,+avx2,+fma", 8)]
)
def test_older_machines_pass_the_self_test(
    name: str, features: str, lanes: int, tmp_path: Path
) -> None:
    code = """
        from mambaseg.ops import available_backends
        from mambaseg.ops.cpu.vectors import LANES
        print(available_backends(), LANES)
    """
    out = run_python(
        code, XDG_CACHE_HOME=str(tmp_path), NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features
    )
    assert out == f"['cpu', 'torch'] {lanes}\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the cache folder is moved by XDG_CACHE_HOME")
def test_a_broken_cache_is_no_error(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    run_python(COMPUTE, **environment)
    files = [p for p in tmp_path.rglob("*.nb*") if p.is_file()]
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:100])
    assert run_python(COMPUTE, **environment) == "['cpu', 'torch'] True\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the cache folder is moved by XDG_CACHE_HOME")
def test_the_self_test_is_remembered(tmp_path: Path) -> None:
    code = """
        from mambaseg.ops import available_backends, selftest
        ran = []
        compare = selftest.compare
        selftest.compare = lambda *a: (ran.append(1), compare(*a))
        available_backends()
        print(len(ran))
    """
    runs = [run_python(code, XDG_CACHE_HOME=str(tmp_path)) for _ in range(2)]
    assert runs == ["1\n", "0\n"]


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_the_self_test_passes_where_no_gradient_is_kept(mode: type) -> None:
    """As at the first scan of a process that only segments."""
    with mode():
        selftest.compare(load("cpu"), load("torch"))


def test_the_environment_names_the_backend() -> None:
    code = "from mambaseg.ops import default_backend; print(default_backend('cpu'))"
    assert run_python(code, MAMBASEG_SCAN="") == "cpu\n"
    assert run_python(code, MAMBASEG_SCAN="torch") == "torch\n"


def test_the_environment_cannot_name_an_unknown_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMBASEG_SCAN", "abacus")
    with pytest.raises(ValueError, match=r"no backend 'abacus'; \['cpu', 'torch'\] run here"):
        default_backend("cpu")


def test_a_backend_refuses_another_device() -> None:
    with pytest.raises(ValueError, match="'cpu' computes on 'cpu'; the input lies on 'cuda'"):
        backends.choose(torch.device("cuda"), torch.float32, "cpu")
    assert default_backend("cuda") == "torch"


def test_a_backend_with_other_numbers_is_not_used_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    cpu = load("cpu")

    def wrong(*arguments: object) -> tuple[Tensor, Tensor]:
        y, kept = cpu.scan(*arguments)
        return y * 1.001, kept

    monkeypatch.setattr(selftest, "_marker", lambda name, _: tmp_path / name)
    monkeypatch.setitem(backends._loaded, "cpu", Operators(wrong, cpu.conv))
    backends._status.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert available_backends() == ["torch"]
        assert "the output is off by" in caplog.text
        assert default_backend("cpu") == "torch"
        with pytest.raises(ValueError, match="backend 'cpu' does not run here .*is off by"):
            selective_scan(**random_arguments(1, 1, 2, 2, 4, 0), backend="cpu")
        assert not list(tmp_path.iterdir())
    finally:
        backends._status.cache_clear()
