"""What Vivim takes and gives beyond the authors' fixtures."""

from __future__ import annotations

import copy

import pytest
import torch

from mambaseg.networks import create_network, list_networks
from mambaseg.networks.blocks.drop_path import DropPath
from mambaseg.types.errors import UnknownNameError

SMALL = {"backbone": "b0", "widths": (8, 16, 40, 64), "decoder_width": 16}


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return create_network("vivim", out_channels=2, **SMALL).eval()


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 32, 32), (1, 2, 29, 29), (3, 4, 33, 47), (2, 3, 64, 40), (1, 7, 65, 70)],
    ids=["one-frame", "smallest", "odd-size", "not-square", "seven-frames"],
)
def test_any_clip_length_and_frame_size(
    network: torch.nn.Module, shape: tuple[int, int, int, int]
) -> None:
    batch, frames, height, width = shape
    logits = network(torch.randn(batch, frames, 3, height, width))
    assert logits.shape == (batch, frames, 2, height, width)
    assert logits.isfinite().all()


def test_gradients_reach_every_weight(network: torch.nn.Module) -> None:
    network.train()(torch.randn(2, 3, 3, 40, 40)).square().mean().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    assert not without


def test_clips_of_a_batch_do_not_mix(network: torch.nn.Module) -> None:
    clips = torch.randn(2, 3, 3, 32, 32)
    both = network(clips)
    torch.testing.assert_close(both[1:], network(clips[1:]), rtol=1e-4, atol=1e-5)


def test_frames_of_a_clip_do_mix(network: torch.nn.Module) -> None:
    clip = torch.randn(1, 3, 3, 32, 32)
    changed = clip.clone()
    changed[:, 2] += 1
    assert not torch.allclose(network(clip)[:, 0], network(changed)[:, 0])


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channel_counts(channels: int) -> None:
    network = create_network("vivim", in_channels=channels, out_channels=3, **SMALL).eval()
    assert network(torch.randn(1, 2, channels, 32, 32)).shape == (1, 2, 3, 32, 32)


def test_edge_head_gives_a_second_map() -> None:
    network = create_network("vivim", out_channels=2, edge_head=True, **SMALL).eval()
    logits, edge = network(torch.randn(1, 2, 3, 32, 48))
    assert logits.shape == (1, 2, 2, 32, 48)
    assert edge.shape == (1, 2, 1, 32, 48)


def test_bfloat16_autocast_stays_close(network: torch.nn.Module) -> None:
    clip = torch.randn(1, 3, 3, 32, 32)
    exact = network(clip)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = network(clip)
    assert (low - exact).abs().max() <= 0.1 * exact.abs().max()


def test_same_weights_same_result(network: torch.nn.Module) -> None:
    other = create_network("vivim", out_channels=2, **SMALL).eval()
    clip = torch.randn(1, 2, 3, 32, 32)
    assert not torch.allclose(network(clip), other(clip))
    other.load_state_dict(copy.deepcopy(network.state_dict()))
    torch.testing.assert_close(network(clip), other(clip), rtol=0, atol=0)


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
def test_wrong_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_network("vivim", **arguments)


def test_wrong_channels_are_named(network: torch.nn.Module) -> None:
    with pytest.raises(ValueError, match=r"\(B, T, 3, H, W\); got \(1, 2, 1, 32, 32\)"):
        network(torch.randn(1, 2, 1, 32, 32))


@pytest.mark.parametrize("size", [(28, 40), (40, 28)])
def test_frames_too_small_are_refused(network: torch.nn.Module, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 29 x 29 pixels; got"):
        network(torch.randn(1, 1, 3, *size))


def test_unknown_network_offers_the_nearest() -> None:
    assert list_networks() == ["vivim"]
    with pytest.raises(UnknownNameError, match="Did you mean 'vivim'"):
        create_network("vivem")


def test_size_is_the_authors_less_their_dead_weights() -> None:
    parameters = sum(p.numel() for p in create_network("vivim").parameters())
    assert parameters == 59_620_439 - 117_398


def test_drop_path_keeps_the_expectation_and_rests_in_eval() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.25)
    x = torch.ones(4000, 2)
    y = drop(x)
    assert y.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert torch.equal(y[:, 0], y[:, 1])
    assert y.mean() == pytest.approx(1, abs=0.05)
    assert drop.eval()(x) is x
    with pytest.raises(ValueError, match="rate must be"):
        DropPath(1.0)
