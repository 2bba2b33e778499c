"""Vivim and its blocks against the authors' numbers, fed their weights."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from golden import DTYPES, NETWORK_DTYPES, Golden, names
from mambaseg.networks import create_network
from mambaseg.networks.blocks.bimamba import BiMamba
from mambaseg.networks.vivim.temporal_mamba import TemporalMambaBlock
from mambaseg.zoo import convert_state_dict
from mambaseg.zoo.convert.vivim import rename


def load_block(block: nn.Module, golden: Golden, prefix: str = "") -> dict[str, Tensor]:
    """Fill a block by the conversion's names; gives parameters by the authors' names."""
    weights = golden.state_dict()
    ours = {key: rename(prefix + key).removeprefix(prefix) for key in weights}
    block.load_state_dict({ours[key]: value for key, value in weights.items()})
    parameters = dict(block.named_parameters())
    return {key: parameters[name] for key, name in ours.items()}


@DTYPES
@pytest.mark.parametrize("name", names("ops/bimamba_v3_*"))
def test_bimamba(name: str, dtype: torch.dtype) -> None:
    golden = Golden(name)
    arguments = golden.meta["constructor"]
    block = BiMamba(arguments["d_model"], average="vivim" in name).to(dtype)
    parameters = load_block(block, golden, prefix="mamba.")
    x = golden.input(dtype)
    outputs = [block(x, arguments.get("nframes") or arguments["nslices"])]
    golden.check_outputs(outputs)
    golden.loss(outputs).backward()
    golden.check_gradients(x, parameters)


@DTYPES
@pytest.mark.parametrize("name", names("ops/vivim_layer_*"))
def test_temporal_mamba_block(name: str, dtype: torch.dtype) -> None:
    golden = Golden(name)
    block = TemporalMambaBlock(golden.meta["constructor"]["dim"]).to(dtype)
    parameters = load_block(block, golden)
    x = golden.input(dtype)
    size = x.shape[2:]
    y = block(x.flatten(2).transpose(1, 2), tuple(size), scan_chunks=5)
    outputs = [y.transpose(1, 2).unflatten(2, size)]
    golden.check_outputs(outputs)
    golden.loss(outputs).backward()
    golden.check_gradients(x, parameters)


OUR_MODULES = {
    "encoder.downsample_layers.patch_embeddings.0#0": "stages.0.patch_embed",
    "encoder.downsample_layers.block.0.0": "stages.0.blocks.0",
    "encoder.stages.0.0.0.mamba": "stages.0.temporal_blocks.0.mamba",
    "encoder.stages.0.0.0.mlp": "stages.0.temporal_blocks.0.mlp",
    "encoder.stages.0.0.0": "stages.0.temporal_blocks.0",
    **{f"encoder.stages.{i}": f"stages.{i}.temporal_blocks.1" for i in range(4)},
    **{f"decoder.linear_c.{i}": f"decoder.projections.{i}" for i in range(4)},
    "decoder.linear_fuse": "decoder.fuse",
    "decoder.batch_norm": "decoder.norm",
    "out": "decoder.head",
    "edgeocr_cls_head": "edge_head",
}


def in_their_layout(name: str, value: Tensor, n_frames: int, size: tuple[int, int]) -> Tensor:
    """Bring our module's output to the axis order of the authors' module of that name."""
    if match := re.fullmatch(r"encoder\.stages\.(\d)(\.0\.0)?", name):
        grid = (n_frames, *(side // 4 // 2 ** int(match[1]) for side in size))
        return value.transpose(1, 2).unflatten(2, grid)
    return value.flatten(1, 2) if "linear_c" in name else value


@pytest.mark.parametrize("scan_chunks", [None, 5])
@NETWORK_DTYPES
@pytest.mark.parametrize("name", ["vivim", "vivim_edge"])
def test_vivim(name: str, dtype: torch.dtype, scan_chunks: int | None) -> None:
    golden = Golden(name)
    edge = golden.meta["constructor"]["with_edge"]
    network = create_network("vivim", edge_head=edge, scan_chunks=scan_chunks).eval()
    weights, report = convert_state_dict(network, golden.state_dict())
    assert set(report.matched) | set(report.dropped) == set(golden.state_dict())
    assert not report.untrained
    network.load_state_dict(weights)
    network.to(dtype)

    captured: dict[str, Tensor] = {}

    def capture(key: str) -> None:
        def hook(module: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
            captured[key] = output[0] if isinstance(output, tuple) else output

        network.get_submodule(OUR_MODULES[key]).register_forward_hook(hook)

    expected = [entry["module"] for entry in golden.meta["intermediates"]]
    for key in expected:
        capture(key)

    x = golden.input(dtype)
    result = network(x)
    outputs = [y.flatten(0, 1) for y in (result if edge else [result])]
    golden.check_outputs(outputs)
    for key in expected:
        value = in_their_layout(key, captured[key], x.shape[1], tuple(x.shape[-2:]))
        golden.check_intermediate(key, value)

    golden.loss(outputs).backward()
    parameters = dict(network.named_parameters())
    theirs = {key: parameters[name] for key, name in report.matched.items() if name in parameters}
    golden.check_gradients(x, theirs, has_kinks=True)
