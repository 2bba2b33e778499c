"""mamba-ssm and causal-conv1d missing, broken, or of another version: said, and done without."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mambaseg.data import read_segmentation, sample_path
from mambaseg.ops import backend_status, backends, default_backend, mamba_ssm

STAND_INS = {"mamba_ssm", "selective_scan_cuda", "causal_conv1d", "causal_conv1d_cuda"}

INTERFACE = "mamba_ssm/ops/selective_scan_interface.py"
SCAN = (
    "def selective_scan_fn(u, delta, A, B, C, D=None, z=None, delta_bias=None, "
    "delta_softplus=False, return_last_state=False): ..."
)
CONV = "def causal_conv1d_fn(x, weight, bias=None, seq_idx=None, activation=None): ..."
UNDEFINED = 'raise ImportError("selective_scan_cuda.so: undefined symbol: _ZN3c10")'
WORKING_SCAN = {"mamba_ssm/__init__.py": "", "selective_scan_cuda.py": "", INTERFACE: SCAN}
RUN = "import sys; from mambaseg.cli.main import main; sys.exit(main())"
INSTEAD = "mambaseg's own kernels are used instead"

_CONV = {"causal_conv1d/__init__.py": CONV, "causal_conv1d_cuda.py": ""}
WORKING = {**WORKING_SCAN, **_CONV}

BROKEN = {
    "mamba-ssm missing": (_CONV, "mamba-ssm is not installed"),
    "no kernel": (
        {**_CONV, "mamba_ssm/__init__.py": "", INTERFACE: SCAN},
        "mamba-ssm was installed without its Mamba-1 kernel (selective_scan_cuda is missing)",
    ),
    "undefined symbol": (
        {**WORKING, "selective_scan_cuda.py": UNDEFINED},
        "mamba-ssm was built for another torch than",
    ),
    "import error": (
        {**WORKING, "mamba_ssm/__init__.py": 'raise RuntimeError("no libcudart")'},
        "mamba-ssm cannot be loaded (no libcudart)",
    ),
    "version skew": (
        {**WORKING, INTERFACE: "import a_module_of_another_version"},
        "mamba-ssm lacks the module a_module_of_another_version",
    ),
    "wrong signature": (
        {**WORKING, INTERFACE: "def selective_scan_fn(x, dt, A): ..."},
        "mamba-ssm is of a version that mambaseg does not know (selective_scan_fn takes (x, dt, A)",
    ),
    "convolution missing": (WORKING_SCAN, "causal-conv1d is not installed"),
    "convolution without its kernel": (
        {**WORKING_SCAN, "causal_conv1d/__init__.py": CONV},
        "causal-conv1d was installed without its kernel (causal_conv1d_cuda is missing)",
    ),
    "convolution with an undefined symbol": (
        {
            **WORKING_SCAN,
            "causal_conv1d/__init__.py": "import causal_conv1d_cuda",
            "causal_conv1d_cuda.py": UNDEFINED,
        },
        "causal-conv1d was built for another torch than",
    ),
    "convolution with an import error": (
        {**WORKING, "causal_conv1d/__init__.py": 'raise RuntimeError("no libcudart")'},
        "causal-conv1d cannot be loaded (no libcudart)",
    ),
    "convolution of a skewed version": (
        {**WORKING, "causal_conv1d/__init__.py": "import a_module_of_another_version"},
        "causal-conv1d lacks the module a_module_of_another_version",
    ),
    "convolution with a wrong signature": (
        {**WORKING, "causal_conv1d/__init__.py": "def causal_conv1d_fn(x): ..."},
        "causal-conv1d is of a version that mambaseg does not know (causal_conv1d_fn takes (x)",
    ),
}


def lay_out(folder: Path, files: dict[str, str]) -> None:
    """Write a package that stands in for an installed one."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def shell(packages: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the shell command with packages ahead of those that are installed."""
    paths = [str(packages), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", RUN, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages that are found before those that are installed."""

    def forget() -> None:
        backends._status.cache_clear()
        backends._loaded.pop("mamba_ssm", None)
        for name in list(sys.modules):
            if name.partition(".")[0] in STAND_INS:
                del sys.modules[name]

    forget()
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    forget()


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_wrong_is_one_sentence(
    fault: str, packages: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files, expected = BROKEN[fault]
    lay_out(packages, files)
    with caplog.at_level(logging.WARNING):
        assert default_backend("cpu") == "cpu"
    (said,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert expected in said
    assert INSTEAD in said
    assert "pip install" in said
    status = backend_status()[0]
    assert (status.name, status.works) == ("mamba_ssm", False)
    assert fault.startswith("convolution") or status.reason in said
    with pytest.raises(ValueError, match="backend 'mamba_ssm' does not run here"):
        backends.choose(torch.device("cuda"), torch.float32, "mamba_ssm")


def test_kernels_that_fail_on_the_gpu_are_told(
    packages: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As those built for other cards do: torch is told that there is one, and finds none."""
    lay_out(packages, WORKING)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(mamba_ssm, "register", lambda *_, **__: None)
    status = backends._status("mamba_ssm")
    assert not status.works
    assert status.reason.startswith("mamba-ssm fails on this GPU (")
    assert f"; {INSTEAD}; to mend it: " in status.reason
    assert status.reason in caplog.text


def segment(packages: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run a clip of four frames through the demonstration model."""
    model = ["-m", "vivim-echo-demo", "--frames", "0:4"]
    return shell(packages, "segment", str(sample_path("echo")), *model, "-o", str(out))


def labels(out: Path) -> NDArray[Any]:
    (file,) = out.glob("*.nrrd")
    return np.asarray(read_segmentation(file).labels[:])


@pytest.fixture(scope="module")
def expected_labels(tmp_path_factory: pytest.TempPathFactory) -> NDArray[Any]:
    """Labels by an installation that has neither package; that is no fault, and nothing is said."""
    out = tmp_path_factory.mktemp("plain")
    done = segment(out / "none", out)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = labels(out)
    assert 0 < np.count_nonzero(found) < found.size
    return found


def test_info_tells_that_neither_package_is_there(tmp_path: Path) -> None:
    printed = shell(tmp_path, "info").stdout
    assert "mamba_ssm: does not run here (mamba-ssm is not installed" in printed
    assert "pip install --no-build-isolation 'mambaseg[cuda]' adds it" in printed


@pytest.mark.slow
@pytest.mark.parametrize("fault", BROKEN)
def test_info_and_segment_tell_it_and_work(
    fault: str, expected_labels: NDArray[Any], tmp_path: Path
) -> None:
    files, expected = BROKEN[fault]
    packages = tmp_path / "packages"
    lay_out(packages, files)
    info = shell(packages, "info")
    assert info.returncode == 0, info.stderr
    segmented = segment(packages, tmp_path / "out")
    assert segmented.returncode == 0, segmented.stderr
    for told in (info.stderr, segmented.stderr):
        (line,) = told.splitlines()
        assert expected in line
        assert f"; {INSTEAD}; " in line
        assert "pip install" in line
    assert fault.startswith("convolution") or expected in info.stdout
    assert "scan backend cpu" in segmented.stdout
    np.testing.assert_array_equal(labels(tmp_path / "out"), expected_labels)
