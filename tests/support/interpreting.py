"""A pytest plugin for a session in which Triton interprets its kernels, on a CPU.

Triton asks for its interpreter when it is first imported, so the session needs a process of its
own: `tests/ops/test_interpreted.py` starts it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from quick_interpreter import quicken

quicken()


@pytest.fixture(autouse=True, scope="session")
def _no_self_test() -> Iterator[None]:
    """These tests say more than the self-test, which is slow here and has a test of its own."""
    from mambaseg.ops import selftest

    check = selftest.check
    selftest.check = lambda *_: None
    yield
    selftest.check = check
