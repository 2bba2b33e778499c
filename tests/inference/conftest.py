"""What the tests of the engine share."""

from __future__ import annotations

from pathlib import Path

import pytest

from mambaseg.inference import remembered


@pytest.fixture(autouse=True)
def memory_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what helped against a lack of memory is remembered, of each test its own."""
    path = tmp_path / "remembered" / "memory.json"
    monkeypatch.setattr(remembered, "remembered_file", lambda: path)
    return path
