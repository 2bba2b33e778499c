"""Runs `interpreted/` in a process in which Triton interprets its kernels."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="there is no Triton for this platform"
)

FOLDER = Path(__file__).with_name("interpreted")


def run(expression: str) -> None:
    """Run the tests with these marks; if one fails, show what pytest says."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-m", expression, str(FOLDER)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("expression", ["not slow", "slow"])
def test_the_kernels_under_the_interpreter(expression: str) -> None:
    run(expression)
