"""Counting what a network costs."""

from __future__ import annotations

import pytest

from mambaseg.networks import summary
from mambaseg.types.errors import UnknownNameError


def test_counts_what_the_authors_network_computes() -> None:
    # 183.59 G of convolutions and products of matrices in the authors' network, and the scans:
    # of 3 directions in 2 layers, 49 for every token and channel.
    scans = sum(6 * 49 * (32 // 2**i) ** 3 * 96 * 2**i for i in range(4))
    costs = summary("segmamba", (4, 64, 64, 64))
    assert costs.parameters == 67_416_196
    assert costs.macs == pytest.approx(183.59e9 + scans, rel=2e-4)
    stages = {stage.name: stage for stage in costs.stages}
    assert stages["encoders.0"].macs == 64**3 * (4 * 48 * 28 + 48 * 48 * 27)


def test_checkpointing_keeps_less() -> None:
    size = (5, 3, 64, 64)
    plain, frugal = (summary("vivim", size, backbone="b0", checkpointing=c) for c in (False, True))
    assert frugal.activation_bytes < 0.5 * plain.activation_bytes
    assert frugal.macs == plain.macs


def test_wrong_input_is_the_networks_to_refuse() -> None:
    with pytest.raises(ValueError, match=r"\(B, 4, D, H, W\); got"):
        summary("segmamba", (1, 64, 64, 64))
    with pytest.raises(UnknownNameError, match="Did you mean 'segmamba'"):
        summary("segmumba", (1, 64, 64, 64))
