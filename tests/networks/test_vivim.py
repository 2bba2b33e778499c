"""What Vivim takes and gives beyond the authors' fixtures."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from battery import NetworkBattery, Size

from mambaseg.networks import create_network

SMALL = {"backbone": "b0", "widths": (8, 16, 40, 64), "decoder_width": 16}


class TestVivim(NetworkBattery):
    name = "vivim"
    small = SMALL
    size = (40, 64)
    sizes = ((33, 47), (65, 70))
    smallest = (29, 29)
    fixture = "vivim"
    authors: ClassVar[dict[str, Any]] = {}

    def input_shape(self, batch: int, channels: int, size: Size) -> Size:
        return (batch, 3, channels, *size)

    def output_shapes(self, batch: int, classes: int, size: Size) -> list[Size]:
        return [(batch, 3, classes, *size)]


class TestVivimWithEdges(TestVivim):
    small: ClassVar[dict[str, Any]] = {**SMALL, "edge_head": True}
    fixture = "vivim_edge"
    authors: ClassVar[dict[str, Any]] = {"edge_head": True}

    def output_shapes(self, batch: int, classes: int, size: Size) -> list[Size]:
        return [(batch, 3, classes, *size), (batch, 3, 1, *size)]


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return create_network("vivim", out_channels=2, **SMALL).eval()


@pytest.mark.parametrize("frames", [1, 2, 4, 7])
def test_any_clip_length(network: torch.nn.Module, frames: int) -> None:
    logits = network(torch.randn(2, frames, 3, 33, 47))
    assert logits.shape == (2, frames, 2, 33, 47)
    assert logits.isfinite().all()


def test_frames_of_a_clip_do_mix(network: torch.nn.Module) -> None:
    clip = torch.randn(1, 3, 3, 32, 32)
    changed = clip.clone()
    changed[:, 2] += 1
    assert not torch.allclose(network(clip)[:, 0], network(changed)[:, 0])


@pytest.mark.parametrize(
    ("backbone", "encoder", "widest"),
    [  # millions of weights in the published Mix Transformer without its classifier
        ("b0", 3.32, 256),
        ("b1", 13.15, 512),
        ("b2", 24.20, 512),
        ("b3", 44.07, 512),
        ("b4", 60.84, 512),
        ("b5", 81.44, 512),
    ],
)
def test_backbones_are_the_published_ones(backbone: str, encoder: float, widest: int) -> None:
    with torch.device("meta"):
        network = create_network("vivim", backbone=backbone, decoder_width=32)
    ours = sum(
        p.numel() for name, p in network.stages.named_parameters() if "temporal_blocks" not in name
    )
    assert ours / 1e6 == pytest.approx(encoder, abs=0.006)
    assert network.stages[3].patch_embed.norm.weight.shape == (widest,)
    shapes = [
        y.shape for y in (network.to_empty(device="cpu").eval()(torch.zeros(1, 2, 3, 32, 32)),)
    ]
    assert shapes == [(1, 2, 1, 32, 32)]


def test_the_authors_start_loses_the_time_steps() -> None:
    network = create_network("vivim", **SMALL)
    biases = [p for name, p in network.named_parameters() if name.endswith("dt_proj.bias")]
    assert len(biases) == 4 * 2 * 3
    assert all((bias == 0).all() for bias in biases)


def test_the_authors_fixed_chunks_refuse_other_clips() -> None:
    network = create_network("vivim", scan_chunks=5, **SMALL)
    with pytest.raises(ValueError, match="cannot be cut into 5 equal chunks"):
        network(torch.randn(1, 4, 3, 64, 64))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "b9"}, "backbone must be one of"),
        ({"widths": (8, 16)}, "widths needs 4 values"),
        ({"widths": (8, 16, 42, 64)}, "width 42 cannot be split over 5 heads"),
        ({"colour": "red"}, "unexpected keyword argument 'colour'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_network("vivim", **arguments)


def test_size_is_the_authors_less_their_dead_weights() -> None:
    parameters = sum(p.numel() for p in create_network("vivim").parameters())
    assert parameters == 59_620_439 - 117_398
