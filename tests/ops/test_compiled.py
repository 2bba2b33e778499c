"""The Triton kernels compile for GPUs, none of which need be there, and fit in their registers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

KERNELS = {"local_states", "carry", "scan", "combine", "gradients", "ungate"}
KERNELS |= {"conv_forward", "conv_slope", "conv_backward"}


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="there is no Triton for this platform"
)
@pytest.mark.parametrize("target", ["sm_80", "sm_90", "gfx942"])
def test_every_kernel_compiles_and_keeps_to_its_registers(target: str) -> None:
    script = Path(__file__).parents[1] / "support/compile_kernels.py"
    environment = {key: v for key, v in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(script), target],
        env=environment, capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert {name for name, *_ in rows} == KERNELS
    assert not [row for row in rows if row[1] != "0"]
