"""VM-UNetV2 and its blocks against the authors' numbers, fed their weights."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from golden import DTYPES, Golden, names, shared_folder
from mambaseg.networks import create_network
from mambaseg.networks.blocks.attention import ChannelAttention, SpatialAttention
from mambaseg.networks.blocks.sdi import SDI
from mambaseg.zoo import convert_state_dict
from mambaseg.zoo.convert.vm_unet_v2 import rename


@DTYPES
def test_attention(dtype: torch.dtype) -> None:
    golden = Golden("ops/cbam_c96")
    channels, places = ChannelAttention(96).to(dtype), SpatialAttention().to(dtype)
    theirs = golden.state_dict()
    with torch.no_grad():
        channels.fc1.weight.copy_(theirs["ca.fc1.weight"])
        channels.fc2.weight.copy_(theirs["ca.fc2.weight"])
        places.conv.weight.copy_(theirs["sa.conv1.weight"])
    x = golden.input(dtype)
    of_channels = channels(x)
    golden.check_intermediate("ca", of_channels)
    of_places = places(of_channels * x)
    golden.check_intermediate("sa", of_places)
    outputs = [of_places * (of_channels * x)]
    golden.check_outputs(outputs)
    golden.loss(outputs).backward()
    parameters = {
        "ca.fc1.weight": channels.fc1.weight,
        "ca.fc2.weight": channels.fc2.weight,
        "sa.conv1.weight": places.conv.weight,
    }
    golden.check_gradients(x, parameters)


@DTYPES
@pytest.mark.parametrize("name", names("ops/sdi_*"))
def test_sdi(name: str, dtype: torch.dtype) -> None:
    golden = Golden(name)
    arguments = golden.meta["constructor"]
    block = SDI(arguments["channel"]).to(dtype)
    block.load_state_dict(golden.state_dict())
    xs = golden.inputs(dtype)
    outputs = [block(xs, arguments["anchor_index"])]
    golden.check_outputs(outputs)
    golden.loss(outputs).backward()
    golden.check_gradients(xs, dict(block.named_parameters()))


def our_module(theirs: str) -> str:
    """Our module for the authors' of that name, whose output is the same."""
    if match := re.fullmatch(r"vmunet\.layers\.(\d)", theirs):
        return f"encoder.merges.{match[1]}"
    if match := re.fullmatch(r"Translayer_(\d)", theirs):
        return f"skips.{int(match[1]) - 1}"
    return rename(f"{theirs}.").rstrip(".")


@DTYPES
@pytest.mark.parametrize("case", ["ds", "nods", "gray", "4class_logits"])
def test_vm_unet_v2(shared: Path, case: str, dtype: torch.dtype) -> None:
    golden = Golden(f"vm_unet_v2_{case}", shared_folder(shared))
    arguments = golden.meta["constructor"]
    classes, deep = arguments["num_classes"], arguments["deep_supervision"]
    network = create_network("vm_unet_v2", out_channels=classes, deep_supervision=deep).eval()
    theirs = golden.state_dict()
    weights, report = convert_state_dict(network, theirs)
    assert set(report.matched) | set(report.dropped) == set(theirs)
    assert not report.untrained
    network.load_state_dict(weights)
    network.to(dtype)

    captured: dict[str, Tensor] = {}

    def capture(key: str) -> None:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            captured[key] = output

        network.get_submodule(our_module(key)).register_forward_hook(hook)

    unused = {"seg_outs.0", "seg_outs.1"} | (set() if deep else {"seg_outs.2"})
    expected = {entry["module"] for entry in golden.meta["intermediates"]} - unused
    for key in expected:
        capture(key)

    x = golden.input(dtype)
    logits = network(x)
    outputs = [logits if classes > 1 else torch.sigmoid(logits)]
    golden.check_outputs(outputs)
    for key in expected:
        golden.check_intermediate(key, captured[key])

    golden.loss(outputs).backward()
    parameters = dict(network.named_parameters())
    ours = {key: parameters[name] for key, name in report.matched.items() if name in parameters}
    golden.check_gradients(x, ours)


@pytest.mark.parametrize("size", [(161, 193), (175, 207)])
def test_an_odd_size_agrees_with_the_legal_crop(shared: Path, size: tuple[int, int]) -> None:
    """No less than two sizes that the authors' code takes agree where they overlap.

    Scans and channel attention see the whole image, so that no two sizes agree exactly.
    """
    picture = np.array(Image.open(shared / "data/kvasir_seg_352/train/images/0.jpg"))
    image = torch.from_numpy(picture).float().permute(2, 0, 1)[None]
    image = (image - image.mean()) / image.std()
    network = create_network("vm_unet_v2", deep_supervision=False).eval()
    network.load_state_dict(convert_state_dict(network, Golden("vm_unet_v2_nods").state_dict())[0])

    def logits(height: int, width: int) -> Tensor:
        return network(image[..., :height, :width])[..., :160, :192]

    with torch.no_grad():
        legal, larger, odd = logits(160, 192), logits(192, 224), logits(*size)
    assert (odd - legal).square().mean() < (larger - legal).square().mean()
