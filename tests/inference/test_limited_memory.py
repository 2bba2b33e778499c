"""The ladder under a real limit of the address space, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHILD = Path(__file__).parents[1] / "support" / "limited_memory.py"
# glibc gives what is freed back at once: else what it kept, which varies, is room to spare.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits the address space by RLIMIT_AS"),
]


def run(folder: Path, kind: str, batch: int, headroom_mib: int) -> Any:
    """What a segmentation said that had so much room beyond a warm engine."""
    arguments = [str(folder), kind, str(batch), str(headroom_mib), "no"]
    process = subprocess.run(  # noqa: S603 - our own file
        [sys.executable, str(CHILD), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **ENVIRONMENT},
    )
    assert process.returncode == 0, process.stderr[-2000:]
    return json.loads(process.stdout.splitlines()[-1])


def check_whole(chunks: list[tuple[int, int]], length: int) -> None:
    assert [start for start, _ in chunks] == [0, *(stop for _, stop in chunks[:-1])]
    assert chunks[-1][1] == length


def test_a_smaller_batch_under_a_limit(tmp_path: Path) -> None:
    found = run(tmp_path, "volume", 4, 180)
    assert found["error"] is None
    assert found["rungs"][0] == "smaller_batch"
    assert found["same"] > 0.999
    assert "ran short: uses" in found["text"]
    check_whole(found["chunks"], 80)


def test_sums_on_the_disk_under_a_limit(tmp_path: Path) -> None:
    # What a run needs beyond its warm engine differs between processors: from plenty downwards.
    for headroom_mib in range(160, 100, -6):
        found = run(tmp_path, "volume", 1, headroom_mib)
        if found["rungs"]:
            break
    assert found["error"] is None
    assert found["rungs"] in (["buffered"], ["buffered", "smaller_window"])
    check_whole(found["chunks"], 80)


def test_smaller_windows_under_a_limit(tmp_path: Path) -> None:
    found = run(tmp_path, "large", 1, 130)
    assert found["error"] is None
    assert "smaller_window" in found["rungs"]
    assert set(found["rungs"]) <= {"buffered", "smaller_window"}
    check_whole(found["chunks"], 96)


def test_single_clips_under_a_limit(tmp_path: Path) -> None:
    found = run(tmp_path, "clip", 4, 30)
    assert found["error"] is None
    assert found["rungs"] == ["smaller_batch"] * len(found["rungs"]) != []
    assert found["same"] > 0.999
    check_whole(found["chunks"], 14)


def test_a_limit_that_nothing_meets_is_a_sentence(tmp_path: Path) -> None:
    found = run(tmp_path, "volume", 1, 8)
    assert "did not suffice for windows of 32 x 32 x 32" in found["error"]
