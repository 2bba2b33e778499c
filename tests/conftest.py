"""What all tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, at leisure; --hypothesis-profile=default looks for others.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Let torch give a test the same numbers whatever ran before it."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and the authors' numbers, from MAMBASEG_TEST_DATA."""
    folder = os.environ.get("MAMBASEG_TEST_DATA")
    if not folder:
        pytest.skip("MAMBASEG_TEST_DATA is not set: no real data to test on")
    path = Path(folder)
    assert path.is_dir(), f"MAMBASEG_TEST_DATA={folder} is not a folder"
    return path
