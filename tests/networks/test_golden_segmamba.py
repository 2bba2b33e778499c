"""SegMamba and its blocks against the authors' numbers, fed their weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from golden import DTYPES, FOLDER, NETWORK_DTYPES, Golden, names, shared_folder
from mambaseg.networks import create_network
from mambaseg.networks.blocks.gsc import GatedSpatialConv
from mambaseg.networks.segmamba.encoder import MambaLayer
from mambaseg.zoo import convert_state_dict
from mambaseg.zoo.convert.segmamba import rename


@DTYPES
@pytest.mark.parametrize("name", names("ops/gsc_*"))
def test_gsc(name: str, dtype: torch.dtype) -> None:
    golden = Golden(name)
    block = GatedSpatialConv(golden.meta["constructor"]["in_channels"]).to(dtype)
    weights = golden.state_dict()
    ours = {key: rename(f"vit.gscs.0.{key}").removeprefix("stages.0.gsc.") for key in weights}
    block.load_state_dict({ours[key]: value for key, value in weights.items()})
    x = golden.input(dtype)
    with torch.inference_mode():
        golden.check_outputs([block(x.detach())])
    outputs = [block(x)]
    golden.check_outputs(outputs)
    golden.loss(outputs).backward()
    parameters = dict(block.named_parameters())
    # A bias ahead of an instance norm has no effect, and its gradient is rounding alone.
    theirs = {key: parameters[name] for key, name in ours.items() if key.endswith("weight")}
    check_gradients_of(golden, x, theirs)


def check_gradients_of(golden: Golden, x: Tensor, parameters: dict[str, Tensor]) -> None:
    """As `check_gradients`, for the parameters given alone."""
    listed = golden.meta["gradient"]["params"]
    golden.meta["gradient"]["params"] = [e for e in listed if e["name"] in parameters]
    assert golden.meta["gradient"]["params"]
    golden.check_gradients(x, parameters, has_kinks=True)


@DTYPES
@pytest.mark.parametrize("name", names("ops/segmamba_layer_*"))
def test_mamba_layer(name: str, dtype: torch.dtype) -> None:
    golden = Golden(name)
    arguments = golden.meta["constructor"]
    layer = MambaLayer(arguments["dim"], arguments["num_slices"]).to(dtype)
    weights = golden.state_dict()
    ours = {key: rename(key) for key in weights}
    layer.load_state_dict({ours[key]: value for key, value in weights.items()})
    x = golden.input(dtype)
    outputs = [layer(x)]
    if dtype == torch.float32 or "out0_f64" in golden.arrays:
        golden.check_outputs(outputs)
    golden.loss(outputs).backward()
    if dtype == torch.float32 or "gin0_f64" in golden.arrays:
        parameters = dict(layer.named_parameters())
        golden.check_gradients(x, {key: parameters[name] for key, name in ours.items()})


OUR_MODULES = {
    "vit.downsample_layers.0": "stem",
    "vit.gscs.0": "stages.0.gsc",
    "vit.stages.0.0.mamba": "stages.0.layers.0.mamba",
    "vit.stages.0.0": "stages.0.layers.0",
    **{f"vit.stages.{i}": f"stages.{i}" for i in range(4)},
    **{f"vit.mlps.{i}": f"skip_mlps.{i}" for i in range(4)},
    **{f"encoder{i + 1}": f"encoders.{i}" for i in range(5)},
    **{f"decoder{i + 2}": f"ups.{i}" for i in range(4)},
    "decoder1": "last",
}


@NETWORK_DTYPES
@pytest.mark.parametrize(
    "name",
    [
        "4in_4out_small",
        *(
            pytest.param(x, marks=pytest.mark.slow)
            for x in ("1in_2out", "1in_2out_noncubic", "4in_4out")
        ),
    ],
)
def test_segmamba(name: str, dtype: torch.dtype, request: pytest.FixtureRequest) -> None:
    copied = (FOLDER / f"segmamba_{name}.json").exists()
    folder = FOLDER if copied else shared_folder(request.getfixturevalue("shared"))
    numbers = Golden(f"segmamba_{name}", folder)
    if dtype == torch.float64 and "out0_f64" not in numbers.arrays:
        pytest.skip("the fixture has no float64 numbers")
    arguments = numbers.meta["constructor"]
    network = create_network(
        "segmamba", in_channels=arguments["in_chans"], out_channels=arguments["out_chans"]
    ).eval()
    weights, report = convert_state_dict(network, numbers.state_dict())
    assert set(report.matched) == set(numbers.state_dict())
    assert not report.dropped
    assert not report.untrained
    network.load_state_dict(weights)
    network.to(dtype)

    captured: dict[str, Tensor] = {}

    def capture(key: str) -> None:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            captured[key] = output.detach().clone()  # the next block may work in place

        network.get_submodule(OUR_MODULES[key]).register_forward_hook(hook)

    for entry in numbers.meta["intermediates"]:
        capture(entry["module"])

    x = numbers.input(dtype)
    backward = dtype == torch.float32 or "gin0_f64" in numbers.arrays
    with torch.set_grad_enabled(backward):
        outputs = [network(x if backward else x.detach())]
    numbers.check_outputs(outputs)
    for key, value in captured.items():
        numbers.check_intermediate(key, value)
    if backward:
        numbers.loss(outputs).backward()
        parameters = dict(network.named_parameters())
        theirs = {key: parameters[name] for key, name in report.matched.items()}
        numbers.check_gradients(x, theirs, has_kinks=True)
