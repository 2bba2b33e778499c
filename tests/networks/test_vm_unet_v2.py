"""What VM-UNetV2 takes and gives beyond the authors' fixtures."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from battery import NetworkBattery

from mambaseg.networks import create_network

SMALL = {"widths": (8, 16, 24, 40), "depths": (1, 1, 2, 1), "decoder_width": 8}


class TestVMUNetV2(NetworkBattery):
    name = "vm_unet_v2"
    small: ClassVar[dict[str, Any]] = SMALL
    size = (64, 64)
    sizes = ((33, 47), (65, 70), (72, 40))
    smallest = (32, 32)
    fixture = "vm_unet_v2_nods"
    authors: ClassVar[dict[str, Any]] = {}
    time_step_bias = r"dt_proj_bias$"


class TestWithoutDeepSupervision(TestVMUNetV2):
    small: ClassVar[dict[str, Any]] = {**SMALL, "deep_supervision": False}
    authors: ClassVar[dict[str, Any]] = {"deep_supervision": False}


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return create_network("vm_unet_v2", **SMALL).eval()


@pytest.mark.parametrize(
    ("depths", "published", "unused"),
    [
        ((2, 2, 2, 2), 14.40, 8.91),
        ((2, 2, 9, 2), 22.77, 8.91),
        ((2, 2, 27, 2), 44.29, 8.91),
    ],
)
def test_depths_of_the_paper(depths: tuple[int, ...], published: float, unused: float) -> None:
    def millions(**arguments: Any) -> float:
        with torch.device("meta"):
            network = create_network("vm_unet_v2", depths=depths, **arguments)
        return sum(p.numel() for p in network.parameters()) / 1e6

    # All that the authors build but for heads and an upsampling layer without effect (0.04).
    assert millions(unused_stage=True) == pytest.approx(published - 0.037, abs=0.006)
    assert millions(unused_stage=True) - millions() == pytest.approx(unused, abs=0.005)


def test_drop_path_grows_over_all_blocks_with_the_unused() -> None:
    with torch.device("meta"):
        network = create_network("vm_unet_v2")
    rates = [block.drop_path.rate for stage in network.encoder.stages for block in stage]
    assert rates == pytest.approx([0.2 * i / 14 for i in range(13)])


def test_the_unused_stage_changes_nothing(network: torch.nn.Module) -> None:
    whole = create_network("vm_unet_v2", unused_stage=True, **SMALL).eval()
    missing = whole.load_state_dict(network.state_dict(), strict=False).missing_keys
    assert missing
    assert all(key.startswith("encoder.stages.3.") for key in missing)
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(whole(x), network(x))


def test_grey_images_are_repeated(network: torch.nn.Module) -> None:
    grey = torch.randn(2, 1, 40, 48)
    torch.testing.assert_close(network(grey), network(grey.repeat(1, 3, 1, 1)))


def test_many_classes_under_deep_supervision_do_not_mix() -> None:
    network = create_network("vm_unet_v2", out_channels=3, **SMALL).eval()
    x = torch.randn(1, 3, 64, 96)
    before = network(x)
    with torch.no_grad():
        network.decoder.coarse_head.bias[1] += 1
    changed = (network(x) - before).abs().amax((0, 2, 3))
    assert changed[1] > 0
    assert changed[[0, 2]].tolist() == [0, 0]


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (72, 80), (33, 65)])
def test_a_map_is_rounded_up_by_repeating_its_border(
    network: torch.nn.Module, size: tuple[int, int]
) -> None:
    """An image that ends in its own last row and column, repeated, gives the same logits."""
    x = torch.randn(1, 3, *size)
    rows, columns = (-side % 4 for side in size)
    longer = torch.nn.functional.pad(x, (0, columns, 0, rows), mode="replicate")
    expected = network(longer)[..., : size[0], : size[1]]
    torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-5)


def test_a_single_smallest_image_cannot_be_learned_from(network: torch.nn.Module) -> None:
    with pytest.raises(ValueError, match="cannot learn from a single image of 32 x 32 pixels"):
        network.train()(torch.randn(1, 3, 32, 32))
    assert network(torch.randn(2, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depths": (2, 2)}, r"depths needs 4 values, one per stage; got \(2, 2\)"),
        ({"widths": (8, 16, 32)}, "widths needs 4 values"),
        ({"colour": "red"}, "unexpected keyword argument 'colour'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_network("vm_unet_v2", **arguments)


def test_the_authors_start() -> None:
    torch.manual_seed(0)
    network = create_network("vm_unet_v2")
    block = network.encoder.stages[2][0].mixer
    for linear in (block.in_proj, block.out_proj, network.encoder.merges[1].reduction):
        assert linear.weight.std().item() == pytest.approx(0.02, rel=0.02)
    steps = torch.nn.functional.softplus(block.scan.dt_proj_bias.detach())
    assert 0.99e-3 <= steps.min() < steps.max() <= 1.01e-1
    torch.testing.assert_close(block.scan.A_log[5].exp(), torch.arange(1.0, 17.0))
    assert block.conv.weight.std().item() == pytest.approx(3**-0.5 / 3, rel=0.05)  # PyTorch's own
