"""VMamba's classifiers as a start for the networks that encode with it, and VM-UNetV2's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from golden import Golden
from mambaseg.networks import create_network
from mambaseg.zoo import convert_checkpoint, convert_state_dict
from mambaseg.zoo.convert import vm_unet_v2

WIDTHS = (8, 16, 32, 64)


def vmamba(depth: int) -> dict[str, Tensor]:
    """A classifier of small widths under VMamba's names, which VM-UNetV2's encoder has too."""
    ours = create_network("vm_unet_v2", depths=(2, 2, depth, 2), widths=WIDTHS, unused_stage=True)
    generator = torch.Generator().manual_seed(0)
    shapes = {key: value.shape for key, value in ours.state_dict().items()}
    stage = r"vmunet\.layers\.2\.blocks\.0\."
    theirs = [entry["name"] for entry in Golden("vm_unet_v2_nods").meta["keys"]]
    more = [
        re.sub(stage, f"vmunet.layers.2.blocks.{i}.", key)
        for i in range(9, depth)
        for key in theirs
        if re.match(stage, key)
    ]
    weights = {
        key.removeprefix("vmunet."): torch.randn(
            shapes[vm_unet_v2.rename(key)], generator=generator
        )
        for key in [*theirs, *more]
        if key.startswith("vmunet.") and vm_unet_v2.rename(key) in shapes
    }
    weights |= {"norm.weight": torch.ones(64), "head.weight": torch.zeros(1000, 64)}
    return weights


@pytest.mark.parametrize("depth", [9, 27])
@pytest.mark.parametrize("network", ["vm_unet_v2", "log_vmamba_2d"])
def test_an_encoder_starts_from_vmamba(network: str, depth: int, tmp_path: Path) -> None:
    weights = vmamba(depth)
    torch.save({"model": weights, "epoch": 238}, tmp_path / "vmamba.pth")
    arguments = {"image_size": [64, 64]} if network == "log_vmamba_2d" else {}
    found = convert_checkpoint(tmp_path / "vmamba.pth", network=network, arguments=arguments)
    assert found.recipe.arguments["widths"] == list(WIDTHS)

    surplus = {key for key in weights if re.match(r"layers\.2\.blocks\.(9|\d\d)\.", key)}
    assert bool(surplus) == (depth == 27)
    unused = set()
    if network == "vm_unet_v2":  # which has no use for the last stage
        unused = {key for key in weights if key.startswith("layers.3.")}
    dropped = {"norm.weight", "head.weight"} | surplus | unused
    assert set(found.report.dropped) == dropped
    assert "classifier" in found.report.dropped["head.weight"]
    assert set(found.report.matched) == set(weights) - dropped
    for theirs, ours in found.report.matched.items():
        assert torch.equal(found.weights[ours], weights[theirs])
    names = found.weights.keys()
    assert not {name for name in names if name.startswith("encoder.")} - set(
        found.report.matched.values()
    )
    assert all(not name.startswith("encoder.") for name in found.report.untrained)


def test_the_unused_stage_is_kept_on_request() -> None:
    theirs = Golden("vm_unet_v2_nods").state_dict()
    _, report = convert_state_dict(create_network("vm_unet_v2", unused_stage=True), theirs)
    assert {key.split(".")[0] for key in report.dropped} == {"deconv5", "seg_outs"}
    _, report = convert_state_dict(create_network("vm_unet_v2"), theirs)
    unused = [key for key in report.dropped if key.startswith("vmunet.layers.3.")]
    assert sum(theirs[key].numel() for key in unused) == 8_911_872
    assert "computed and thrown away" in report.dropped[unused[0]]


def test_heads_without_effect_are_named_where_they_are_dead() -> None:
    theirs = Golden("vm_unet_v2_nods").state_dict()
    _, deep = convert_state_dict(create_network("vm_unet_v2"), theirs)
    assert deep.matched["deconv6.weight"] == "decoder.coarse_up.weight"
    _, plain = convert_state_dict(create_network("vm_unet_v2", deep_supervision=False), theirs)
    assert "no effect without deep supervision" in plain.dropped["deconv6.weight"]
    assert set(plain.dropped) - set(deep.dropped) == {
        "seg_outs.2.weight",
        "seg_outs.2.bias",
        "deconv6.weight",
        "deconv6.bias",
    }
