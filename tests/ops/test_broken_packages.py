"""mamba-ssm and causal-conv1d missing, broken, or of another version: said, and done without."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mambaseg.ops import backend_status, backends, default_backend

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

BROKEN = {
    "no kernel": (
        {"mamba_ssm/__init__.py": "", INTERFACE: SCAN},
        "mamba-ssm was installed without its Mamba-1 kernel (selective_scan_cuda is missing)",
    ),
    "undefined symbol": (
        {**WORKING_SCAN, "selective_scan_cuda.py": UNDEFINED},
        "mamba-ssm was built for another torch than",
    ),
    "import error": (
        {**WORKING_SCAN, "mamba_ssm/__init__.py": 'raise RuntimeError("no libcudart")'},
        "mamba-ssm cannot be loaded (no libcudart)",
    ),
    "version skew": (
        {**WORKING_SCAN, INTERFACE: "import a_module_of_another_version"},
        "mamba-ssm lacks the module a_module_of_another_version",
    ),
    "wrong signature": (
        {**WORKING_SCAN, INTERFACE: "def selective_scan_fn(x, dt, A): ..."},
        "mamba-ssm is of a version that mambaseg does not know (selective_scan_fn takes (x, dt, A)",
    ),
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


def test_info_tells_a_missing_package(tmp_path: Path) -> None:
    printed = shell(tmp_path, "info").stdout
    assert "mamba_ssm: does not run here (mamba-ssm is not installed" in printed
    assert "pip install 'mambaseg[cuda]' adds it" in printed


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["undefined symbol", "no kernel", "wrong signature"])
def test_info_and_segment_tell_it_and_work(fault: str, tmp_path: Path) -> None:
    files, expected = BROKEN[fault]
    packages = tmp_path / "packages"
    lay_out(packages, files)
    info = shell(packages, "info")
    assert info.returncode == 0
    assert expected in info.stdout
    frames, out = tmp_path / "frames", tmp_path / "out"
    frames.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (5, 64, 64), dtype=np.uint8)
    for number, frame in enumerate(noise):
        Image.fromarray(frame).save(frames / f"frame{number:02}.png")
    segmented = shell(packages, "segment", str(frames), "-m", "vivim-echo-demo", "-o", str(out))
    assert segmented.returncode == 0, segmented.stderr
    assert expected in segmented.stderr
    assert "scan backend cpu" in segmented.stdout + segmented.stderr
