"""What SegMamba takes and gives beyond the authors' fixtures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from battery import NetworkBattery, Size
from torch import Tensor

from mambaseg.data import read_image
from mambaseg.networks import create_network
from mambaseg.networks.blocks.instance_norm import instance_norm
from mambaseg.networks.segmamba.encoder import MambaLayer

SMALL = {"widths": (4, 8, 12, 16), "hidden_width": 20, "depths": (1, 1, 1, 1)}


class TestSegMamba(NetworkBattery):
    name = "segmamba"
    small = SMALL
    size = (32, 32, 32)
    sizes = ((33, 17, 40), (48, 80, 64), (9, 50, 35), (1, 40, 3))
    smallest = (17, 1, 1)
    in_channels = 4
    other_channels = (1, 2)
    fixture = "segmamba_1in_2out_noncubic"
    authors: ClassVar[dict[str, Any]] = {"in_channels": 1, "out_channels": 2}

    def refused(self) -> list[tuple[Size, str]]:
        return [((16, 16, 16), "17 voxels along one side"), ((1, 8, 3), "17 voxels")]


def test_size_is_the_authors() -> None:
    parameters = sum(p.numel() for p in create_network("segmamba").parameters())
    assert parameters == 67_416_196


@pytest.mark.parametrize("name", ["depths", "widths"])
def test_wrong_number_of_stages(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} needs 4 values"):
        create_network("segmamba", **{name: (2, 2)})


@pytest.mark.parametrize(
    ("size", "chunks"), [((4, 4, 4), 8), ((3, 5, 4), 3), ((5, 1, 1), 5)], ids=str
)
def test_chunks_are_the_authors_where_they_divide(size: Size, chunks: int) -> None:
    layer = MambaLayer(8, 8).eval()
    x = torch.randn(2, 8, *size)
    tokens = x.flatten(2).transpose(1, 2)
    expected = tokens + layer.mamba(layer.norm(tokens), chunks)
    torch.testing.assert_close(layer(x), expected.transpose(1, 2).unflatten(2, size))


def test_only_the_forward_direction_starts_as_mamba() -> None:
    network = create_network("segmamba", **SMALL)
    for direction, steps in ((0, True), (1, False), (2, False)):
        bias = network.stages[3].layers[0].mamba.directions[direction].dt_proj.bias
        assert bool((F.softplus(bias) <= 0.101).all()) == steps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("last", [True, False], ids=["channels-last", "channels-first"])
def test_instance_norm_is_torchs(dtype: torch.dtype, batch: int, last: bool) -> None:
    x = (torch.randn(batch, 5, 6, 7, 8) * 3 + 10).to(dtype)
    if last:
        x = x.contiguous(memory_format=torch.channels_last_3d)
    expected = F.instance_norm(x.double()).to(dtype)
    before = x.clone()
    tolerance = {"rtol": 1e-2, "atol": 5e-2} if dtype == torch.bfloat16 else {}
    with torch.inference_mode():
        torch.testing.assert_close(instance_norm(x), expected, **tolerance)
        assert torch.equal(x, before)
    x.requires_grad_()
    y = instance_norm(x, overwrite=True)
    torch.testing.assert_close(y, expected, **tolerance)
    assert torch.equal(x, before), "autograd still needs it"
    if dtype == torch.float64:
        assert torch.autograd.gradcheck(
            instance_norm, x[:, :2, :2, :2, :2].detach().requires_grad_()
        )


def test_instance_norm_of_a_large_volume_is_exact() -> None:
    x = (torch.randn(1, 2, 96, 96, 96) + 1).contiguous(memory_format=torch.channels_last_3d)
    expected = F.instance_norm(x.double())
    with torch.inference_mode():
        assert (instance_norm(x) - expected).abs().max() < 2e-5
    assert (instance_norm(x.requires_grad_()) - expected).abs().max() < 2e-5


class TestOddSizes:
    """An odd volume against its legal crop, on a real case.

    Every instance norm sees the whole volume and every scan runs through all of it, so that a
    longer volume changes each voxel a little, in the authors' code too. How much, is measured:
    what the authors' network itself changes when the volume grows from one legal size to the
    next. An odd size adds fewer voxels and must change less than that.
    """

    LEGAL, GROWN, ODD = (64, 96, 80), (80, 112, 96), (65, 97, 83)

    @pytest.fixture
    def brain(self, shared: Path) -> Tensor:
        folder = shared / "data" / "brats2021_00006"
        names = [f"BraTS2021_00006_{kind}.nii.gz" for kind in ("t1", "t1ce", "t2", "flair")]
        volumes = [torch.from_numpy(read_image(folder / n).array[0]).float() for n in names]
        x = torch.stack(volumes)[None, :, 30:, 60:, 60:]
        seen = x[:, :, : self.GROWN[0], : self.GROWN[1], : self.GROWN[2]]
        assert (seen != 0).float().mean() > 0.5
        return (x - seen.mean((2, 3, 4), keepdim=True)) / seen.std((2, 3, 4), keepdim=True)

    @pytest.mark.slow
    def test_agrees_with_the_legal_crop(self, brain: Tensor) -> None:
        torch.manual_seed(0)
        widths = (16, 32, 64, 96)
        network = create_network("segmamba", widths=widths, hidden_width=128).eval()

        def logits(size: Size, pad_to: Size | None = None) -> Tensor:
            x = brain[:, :, : size[0], : size[1], : size[2]]
            if pad_to is not None:
                sides = zip(pad_to[::-1], size[::-1], strict=True)
                x = F.pad(x, [n for whole, part in sides for n in (0, whole - part)])
            with torch.inference_mode():
                y = network(x)
            return y[:, :, : self.LEGAL[0], : self.LEGAL[1], : self.LEGAL[2]]

        legal = logits(self.LEGAL)

        def change(other: Tensor) -> float:
            return float((other - legal).square().mean().sqrt() / legal.std())

        odd, grown = change(logits(self.ODD)), change(logits(self.GROWN))
        padded = change(logits(self.ODD, pad_to=self.GROWN))
        assert 0 < odd < grown
        assert odd < padded
