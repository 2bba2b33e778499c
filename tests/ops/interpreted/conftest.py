"""Tests of the Triton kernels on a CPU; `../test_interpreted.py` runs them in a process of its own.

Triton asks for its interpreter when it is first imported, which other tests may have done:

    TRITON_INTERPRET=1 python -m pytest tests/ops/interpreted
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

if os.environ.get("TRITON_INTERPRET") != "1":
    collect_ignore_glob = ["test_*.py"]
else:
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
