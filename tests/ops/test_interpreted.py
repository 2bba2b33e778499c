"""Runs `interpreted/`, and tests of networks, in a process in which Triton interprets its kernels.

By hand, for some of them:

    export TRITON_INTERPRET=1 PYTHONPATH=tests/support
    python -m pytest -p interpreting tests/ops/interpreted/test_conv.py
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("triton") is None, reason="there is no Triton for this platform"
    ),
]

TESTS = Path(__file__).parents[1]

BLOCKS = {
    "vivim": "bimamba or temporal_mamba_block",
    "segmamba": "mamba_layer",
    "vss_blocks": "test_ss2d or vss_block",
    "log_vmamba": "all_mixers",
}
"""Tests of all blocks that scan, in `networks/test_golden_*.py`."""


def run(*arguments: str, **environment: str) -> None:
    """Run tests; if one fails, show what pytest says."""
    paths = [str(TESTS / "support"), os.environ.get("PYTHONPATH", "")]
    plugins = ["-p", "interpreting", "-p", "no:xdist"]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pytest", "-q", *plugins, *arguments],
        env={
            **os.environ,
            "TRITON_INTERPRET": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            **environment,
        },
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", ["not slow", "slow"])
def test_the_kernels(expression: str) -> None:
    run("-m", expression, str(TESTS / "ops/interpreted"))


@pytest.mark.parametrize("network", BLOCKS)
def test_blocks_meet_the_authors_numbers_by_the_kernels(network: str) -> None:
    tests = str(TESTS / f"networks/test_golden_{network}.py")
    run(tests, "-k", f"float32 and ({BLOCKS[network]})", MAMBASEG_SCAN="triton")
