"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and the authors' numbers, from MAMBASEG_TEST_DATA."""
    folder = os.environ.get("MAMBASEG_TEST_DATA")
    if not folder:
        pytest.skip("MAMBASEG_TEST_DATA is not set: no real data to test on")
    path = Path(folder)
    assert path.is_dir(), f"MAMBASEG_TEST_DATA={folder} is not a folder"
    return path
