"""What several tests of sessions stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mambaseg.session import Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A thread that does what the session is asked for."""
    made = Worker("test-worker")
    yield made
    made.close()
