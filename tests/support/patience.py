"""How long tests wait for what must come."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 300.0
"""Longer than anything takes that loads torch, on a machine that has much else to do."""


def wait_for(condition: Callable[[], object], meanwhile: Callable[[], object] = int) -> None:
    """Wait for a condition; the test fails where it never comes."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "what was waited for never came"
        meanwhile()
        time.sleep(0.01)
