"""What the tests of data share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from films import KINDS, encode, numbered_frame


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that makes a film of 60 numbered frames of one of KINDS, once."""
    folder = tmp_path_factory.mktemp("films")

    def make(name: str) -> Path:
        path = folder / name
        if not path.exists():
            encode(path, (numbered_frame(i) for i in range(60)), **KINDS[name])
        return path

    return make


@pytest.fixture(scope="session", params=list(KINDS))
def any_film(request: pytest.FixtureRequest, film: Callable[[str], Path]) -> Path:
    """A film of each kind in turn."""
    return film(request.param)
