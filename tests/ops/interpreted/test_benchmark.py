"""The GPU's benchmark runs through, so that who has a GPU needs one command."""

from __future__ import annotations

import pytest
import scan_gpu
import torch


@pytest.mark.slow
def test_the_benchmark_runs_through() -> None:
    clock = scan_gpu.Clock(torch.device("cpu"))
    assert scan_gpu.copy_bandwidth(clock) > 0
    scans = scan_gpu.scans(clock, ["triton", "torch"], 1.0).splitlines()
    assert [line.split(", ")[2].split(" ")[0] for line in scans[2:]] == ["triton", "torch"] * 2
    networks = scan_gpu.networks(clock, ["torch"]).splitlines()
    names = [line.split(",")[0] for line in networks[2:]]
    assert names == ["| vivim"] * 2 + ["| MONAI SwinUNETR"] * 2
