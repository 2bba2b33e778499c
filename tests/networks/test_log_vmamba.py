"""LoG-VMamba 2D and 3D, on the battery of all networks and beyond the authors' fixtures."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from battery import NetworkBattery, Size
from torch import Tensor

from mambaseg.networks import create_network

SMALL_2D: dict[str, Any] = {
    "widths": (8, 16, 32, 64),
    "depths": (1, 1, 1, 1),
    "image_size": (64, 64),
}
SMALL_3D: dict[str, Any] = {"widths": (16, 16, 32, 32, 32), "image_size": (64, 32, 32)}


class TestLoGVMamba2d(NetworkBattery):
    name = "log_vmamba_2d"
    small: ClassVar[dict[str, Any]] = SMALL_2D
    size = (64, 64)
    sizes = ((33, 47), (70, 97), (32, 128))
    smallest = (32, 32)
    fixture = "log_vmamba_2d_factory_plain_64"
    authors: ClassVar[dict[str, Any]] = {
        "local_tokens": False,
        "global_tokens": False,
        "scan_directions": 4,
        "deep_supervision": True,
    }
    time_step_bias = r"dt_proj_bias$"
    bfloat16_error = 0.15  # of the largest; 1.5 % in norm, as layer norms over 8 channels have it


class TestLoGVMamba2dWithDeepSupervision(TestLoGVMamba2d):
    small: ClassVar[dict[str, Any]] = {
        **SMALL_2D,
        "deep_supervision": True,
        "resample_tokens": True,
        "scan_directions": 2,
    }

    def output_shapes(self, batch: int, classes: int, size: Size) -> list[Size]:
        return [
            (batch, classes, *(-(-side // factor) for side in size)) for factor in (1, 4, 8, 16)
        ]


class TestLoGVMamba3d(NetworkBattery):
    name = "log_vmamba_3d"
    small: ClassVar[dict[str, Any]] = SMALL_3D
    size = (64, 32, 32)
    sizes = ((33, 47, 32), (32, 64, 32))
    smallest = (32, 32, 32)
    in_channels = 4
    other_channels = (1, 2)
    fixture = "log_vmamba_3d_head_resized_64x32x32"
    authors: ClassVar[dict[str, Any]] = {
        "in_channels": 1,
        "out_channels": 2,
        "image_size": (64, 32, 32),
        "mixing": "head",
    }
    time_step_bias = r"dt_proj_bias$"


def small_2d(**arguments: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return create_network("log_vmamba_2d", **{**SMALL_2D, **arguments}).eval()


def small_3d(**arguments: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return create_network("log_vmamba_3d", **{**SMALL_3D, **arguments}).eval()


def image(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("directions", [1, 2, 4])
@pytest.mark.parametrize("local_tokens", [True, False])
@pytest.mark.parametrize("global_tokens", [True, False])
def test_variants(local_tokens: bool, global_tokens: bool, directions: int) -> None:
    arguments = {
        "local_tokens": local_tokens,
        "global_tokens": global_tokens,
        "scan_directions": directions,
    }
    with torch.no_grad():
        assert small_2d(**arguments)(image(1, 3, 64, 64)).shape == (1, 1, 64, 64)
        assert small_3d(**arguments)(image(1, 4, 64, 32, 32)).shape == (1, 3, 64, 32, 32)


@torch.no_grad()
def test_an_area_that_the_authors_take_runs_at_once() -> None:
    network = small_2d()
    x = image(1, 3, 32, 128)
    assert torch.equal(network(x), network.segment(x)[0])


@torch.no_grad()
def test_windows_of_the_built_size_are_averaged() -> None:
    network = small_2d()
    x = image(1, 3, 70, 97)
    rows, columns = (0, 6), (0, 16, 33)
    total, count = torch.zeros(1, 1, 70, 97), torch.zeros(70, 97)
    for r in rows:
        for c in columns:
            total[..., r : r + 64, c : c + 64] += network(x[..., r : r + 64, c : c + 64])
            count[r : r + 64, c : c + 64] += 1
    assert count.min() == 1
    torch.testing.assert_close(network(x), total / count)


@torch.no_grad()
def test_a_smaller_image_is_mirrored_to_the_built_size() -> None:
    network = small_2d()
    x = image(1, 3, 40, 64)
    mirrored = torch.cat((x, x[:, :, 16:].flip(2)), dim=2)
    assert torch.equal(network(x), network(mirrored)[:, :, :40])


@torch.no_grad()
def test_an_odd_size_agrees_with_the_legal_crop() -> None:
    """Where only one window sees the image, the border beyond it changes nothing."""
    network = small_3d()
    x = image(1, 4, 70, 33, 32)
    legal = network(x[:, :, :64, :32])
    torch.testing.assert_close(network(x)[:, :, :6, :1], legal[:, :, :6, :1])


@torch.no_grad()
def test_coarse_logits_of_windows_have_their_place() -> None:
    network = small_2d(deep_supervision=True)
    x = image(1, 3, 96, 64)
    whole = network(x)
    first, last = network(x[:, :, :64]), network(x[:, :, 32:])
    for y, a, b, factor in zip(whole, first, last, (1, 4, 8, 16), strict=True):
        torch.testing.assert_close(y[:, :, : 32 // factor], a[:, :, : 32 // factor])
        torch.testing.assert_close(y[:, :, 64 // factor :], b[:, :, 32 // factor :])


@torch.no_grad()
@pytest.mark.parametrize("size", [(64, 64), (96, 160), (65, 71), (33, 47)])
def test_resampled_tokens_see_the_whole_image_at_once(size: Size) -> None:
    network = small_2d(resample_tokens=True)
    x = image(1, 3, *size)
    other = x.clone()
    other[..., -1, -1] += 10
    far = (network(x) - network(other))[..., 0, 0]
    assert network(x).shape == (1, 1, *size)
    assert far.abs().max() > 0
    windows = small_2d()
    windows.load_state_dict(network.state_dict())
    assert torch.equal(windows(x), network(x)) == (size == (64, 64))


def test_coarse_heads_are_built_for_deep_supervision_only() -> None:
    assert not any("auxiliary" in name for name in small_2d().state_dict())
    assert sum("auxiliary" in n for n in small_2d(deep_supervision=True).state_dict()) == 6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [  # the authors', less frozen kernels (6 of 81 weights) and coarse heads (3 of C + 1)
        ({"image_size": (512, 512)}, 30_389_578 - 6 * 81 - (384 + 192 + 96 + 3)),
        ({"image_size": (128, 128)}, 28_730_698 - 6 * 81 - (384 + 192 + 96 + 3)),
        (
            {"image_size": (128, 128), "global_tokens": False},
            24_998_698 - 6 * 81 - (384 + 192 + 96 + 3),
        ),
        (
            {"image_size": (128, 128), "local_tokens": False, "deep_supervision": True},
            26_930_500,
        ),
    ],
)
def test_size_2d_is_the_authors_less_their_dead_weights(
    arguments: dict[str, Any], expected: int
) -> None:
    with torch.device("meta"):
        network = create_network("log_vmamba_2d", **arguments)
    assert sum(p.numel() for p in network.parameters()) == expected


def test_size_3d_is_the_authors_less_their_frozen_kernels() -> None:
    with torch.device("meta"):
        network = create_network("log_vmamba_3d")
    assert sum(p.numel() for p in network.parameters()) == 20_553_828 - 3 * 27 * 27


@torch.no_grad()
def test_convolutions_start_from_he_normal_and_time_steps_from_mamba() -> None:
    network = small_2d(widths=(64, 128, 256, 512))
    weight = network.encoder.patch_embedding.proj.weight
    assert weight.std() == pytest.approx((2 / (3 * 16)) ** 0.5, rel=0.05)
    scan = network.decoder.stages[0].blocks[0].mixer.scan
    step = torch.nn.functional.softplus(scan.dt_proj_bias.detach())
    assert 0.99e-3 <= step.min() < step.max() <= 1.01e-1
    reduction = network.encoder.merges[0].reduction.weight
    assert reduction.std() == pytest.approx(0.02, rel=0.05)
    join = network.decoder.stages[0].join.weight
    assert join.std() == pytest.approx((1 / (3 * join.shape[1])) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("log_vmamba_2d", {"image_size": (100, 64)}, r"multiples of 32; got \(100, 64\)"),
        ("log_vmamba_2d", {"image_size": (64, 64, 64)}, "image_size needs 2 sides"),
        ("log_vmamba_2d", {"mixing": "even"}, "mixing must be one of .*got 'even'"),
        ("log_vmamba_2d", {"scan_directions": 3}, "scan_directions must be 1, 2 or 4; got 3"),
        ("log_vmamba_2d", {"squeeze": (2, 1)}, "squeeze needs 3 values"),
        ("log_vmamba_2d", {"squeeze": (5, 1, 1)}, "squeeze must divide the 72 channels"),
        ("log_vmamba_2d", {"widths": (8, 16)}, "widths needs 4 values"),
        ("log_vmamba_2d", {"depths": (2, 2)}, "depths needs 4 values"),
        ("log_vmamba_2d", {"widths": (6, 8, 16, 32)}, "multiple of 8; got 6 channels"),
        ("log_vmamba_3d", {"image_size": (32, 32, 32)}, "single voxel"),
        ("log_vmamba_3d", {"widths": (8, 16, 32, 32, 32)}, "multiple of 16; got 8 channels"),
        ("log_vmamba_3d", {"widths": (16, 16)}, "widths needs 5 values"),
        ("log_vmamba_3d", {"squeeze": (1, 1)}, "squeeze needs 4 values"),
    ],
)
def test_wrong_arguments(name: str, arguments: dict[str, Any], message: str) -> None:
    small = SMALL_2D if name == "log_vmamba_2d" else SMALL_3D
    with pytest.raises(ValueError, match=message):
        create_network(name, **{**small, **arguments})


def test_a_volume_that_would_end_in_one_voxel_is_refused() -> None:
    with pytest.raises(ValueError, match="one side must be larger than 32; got 32 x 32 x 32"):
        small_3d(resample_tokens=True)(image(1, 4, 32, 32, 32))
