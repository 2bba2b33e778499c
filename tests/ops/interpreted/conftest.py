"""Tests of the Triton kernels on a CPU, which `../test_interpreted.py` runs."""

from __future__ import annotations

import os

if os.environ.get("TRITON_INTERPRET") != "1":
    collect_ignore_glob = ["test_*.py"]
