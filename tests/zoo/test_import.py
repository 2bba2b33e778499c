"""Foreign checkpoints in the wrappings that training scripts write."""

from __future__ import annotations

import argparse
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from golden import Golden, names
from mambaseg.networks import create_network, list_networks
from mambaseg.types.errors import (
    IncompatibleWeightsError,
    InvalidConfigError,
    OutputError,
    UnknownNameError,
)
from mambaseg.zoo import (
    convert_checkpoint,
    import_checkpoint,
    list_models,
    load_network,
    user_models_folder,
)
from mambaseg.zoo.convert import vivim
from mambaseg.zoo.default_recipes import default_recipe

SMALL: dict[str, Any] = {"backbone": "b0", "widths": [8, 16, 40, 64], "decoder_width": 16}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def theirs() -> dict[str, Tensor]:
    """A small Vivim under the authors' names."""
    ours = create_network("vivim", in_channels=3, out_channels=2, edge_head=True, **SMALL)
    weights = ours.state_dict()
    full = {entry["name"] for entry in Golden("vivim_edge").meta["keys"]}
    found = {key: weights[vivim.rename(key)] for key in full if vivim.rename(key) in weights}
    return {**found, "decoder.classifier.weight": torch.zeros(150, 16, 1, 1)}


def lightning(weights: dict[str, Tensor]) -> dict[str, Any]:
    return {
        "epoch": 3,
        "state_dict": {f"model.{key}": value for key, value in weights.items()}
        | {"criterion.weight": torch.ones(2)},
        "hyper_parameters": argparse.Namespace(lr=1e-4, root=Path("data")),
        "callbacks": {"best": np.float64(0.9)},
        "optimizer_states": [{"state": {}, "param_groups": []}],
    }


WRAPPINGS = {
    "bare": lambda weights: weights,
    "model": lambda weights: {"model": weights, "optimizer": {}, "lr_scheduler": {}},
    "model_state_dict": lambda weights: {"epoch": 1, "model_state_dict": weights},
    "module": lambda weights: {"module": weights},
    "data parallel": lambda weights: {f"module.{key}": value for key, value in weights.items()},
    "wrapper in model": lambda weights: {
        "model": {f"model.{key}": value for key, value in weights.items()}
    },
    "compiled": lambda weights: {f"_orig_mod.{key}": value for key, value in weights.items()},
    "Lightning": lightning,
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_each_wrapping_gives_the_same_network(
    wrapping: str, theirs: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "best.pth"
    torch.save(WRAPPINGS[wrapping](theirs), path)
    found = convert_checkpoint(path, network="vivim")
    assert found.recipe.network == "vivim"
    assert found.recipe.arguments == {**SMALL, "edge_head": True}
    assert found.recipe.labels == {1: "class 1", 2: "class 2"}
    assert found.card.untrained == ()
    for key, name in found.report.matched.items():
        assert torch.equal(found.weights[name], theirs[key])
    assert "150-class head" in found.report.dropped["decoder.classifier.weight"]
    if wrapping == "Lightning":
        assert "not part of the network" in found.report.dropped["criterion.weight"]


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_safetensors_whatever_the_name(
    suffix: str, theirs: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file({k: v.contiguous() for k, v in theirs.items()}, tmp_path / f"weights{suffix}")
    model = import_checkpoint(tmp_path / f"weights{suffix}")
    assert model.path == user_models_folder() / "weights.safetensors"
    assert "weights" in [known.name for known in list_models()]
    network = load_network(model)
    expected = theirs["out.weight"].half().float()
    torch.testing.assert_close(network.state_dict()["decoder.head.weight"], expected)


def test_another_number_of_classes_offers_a_new_head(
    theirs: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "best.pth"
    torch.save(theirs, path)
    with pytest.raises(IncompatibleWeightsError, match=r"have 2 channels.*--new-head"):
        import_checkpoint(path, labels=["polyp"])
    model = import_checkpoint(path, labels=["polyp"], new_head=True)
    assert model.recipe.labels == {1: "polyp"}
    assert model.card.untrained == ("decoder.head",)
    kept = convert_checkpoint(path, labels=["a", "b"], new_head=True)
    assert kept.card.untrained == ()
    assert convert_checkpoint(path, labels=["a"], output="softmax").recipe.out_channels == 2


def test_bad_requests_write_nothing(theirs: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "best.pth"
    torch.save(theirs, path)
    with pytest.raises(UnknownNameError, match="Did you mean 'vivim'"):
        import_checkpoint(path, network="vivin")
    with pytest.raises(IncompatibleWeightsError, match="takes 3 channels, but 1 were named"):
        import_checkpoint(path, channels=["grey"])
    with pytest.raises(InvalidConfigError, match="other arguments"):
        import_checkpoint(path, arguments={"colour": 1})
    with pytest.raises(OutputError, match=r"ends in \.safetensors"):
        import_checkpoint(path, target=tmp_path / "model.pth")
    assert not user_models_folder().exists()
    import_checkpoint(path)
    with pytest.raises(OutputError, match="exists already"):
        import_checkpoint(path)


class Malicious:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/mambaseg-was-here"),))  # noqa: S108


def test_a_pickle_with_code_is_refused(theirs: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": theirs, "extra": Malicious()}, path)
    with pytest.raises(IncompatibleWeightsError, match="refused: reading it would run code"):
        import_checkpoint(path)
    path.write_bytes(pickle.dumps({"state_dict": 1, "extra": Malicious()}))
    with pytest.raises(IncompatibleWeightsError, match=r"evil\.pth"):
        import_checkpoint(path)
    assert not Path("/tmp/mambaseg-was-here").exists()  # noqa: S108


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.999])
def test_a_truncated_file_is_said_so(
    legacy: bool, part: float, theirs: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "best.pth"
    torch.save(theirs, path, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(IncompatibleWeightsError, match="cut short"):
        import_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello, this is no checkpoint at all", "cannot be read as a checkpoint"),
        (pickle.dumps([1, 2]), "holds no weights by name|cannot be read"),
    ],
)
def test_what_is_no_checkpoint(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(IncompatibleWeightsError, match=message):
        import_checkpoint(path)
    with pytest.raises(IncompatibleWeightsError, match="cannot be opened: No such file"):
        import_checkpoint(tmp_path / "missing.pt")
    with pytest.raises(IncompatibleWeightsError, match="cannot be opened"):
        import_checkpoint(tmp_path)


def test_weights_of_nothing_known(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"conv.weight": torch.zeros(1)}, path)
    with pytest.raises(IncompatibleWeightsError, match="of no network that is known"):
        import_checkpoint(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(IncompatibleWeightsError, match=r"holds no weights by name.*epoch"):
        import_checkpoint(path)


def segformer(theirs: dict[str, Tensor], version: int) -> dict[str, Tensor]:
    """A SegFormer's weights by the names of transformers 4 or 5."""
    import re

    found = {}
    for key, value in theirs.items():
        if not key.startswith(("encoder.downsample_layers.", "decoder.")):
            continue
        key = re.sub(r"^encoder\.downsample_layers\.", "segformer.encoder.", key)
        key = re.sub(r"^decoder\.", "decode_head.", key)
        if version == 5:
            for pattern, replacement in (
                (
                    r"^segformer\.encoder\.patch_embeddings\.(\d)",
                    r"segformer.stages.\1.patch_embeddings",
                ),
                (r"^segformer\.encoder\.block\.(\d)\.", r"segformer.stages.\1.blocks."),
                (r"layer_norm_1", "layernorm_before"),
                (r"layer_norm_2", "layernorm_after"),
                (r"attention\.self\.(q|k|v)[a-z]+", r"attention.\1_proj"),
                (r"attention\.self\.sr\.", "attention.sequence_reduction.sequence_reduction."),
                (r"attention\.self\.layer_norm", "attention.sequence_reduction.layer_norm"),
                (r"attention\.output\.dense", "attention.o_proj"),
                (r"mlp\.dense", "mlp.fc"),
                (r"linear_c\.", "linear_projections."),
            ):
                key = re.sub(pattern, replacement, key)
        found[key] = value
    return found


@pytest.mark.parametrize("version", [4, 5])
def test_segformer_fills_the_encoder_and_the_rest_is_untrained(
    version: int, theirs: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "mit.bin"
    torch.save(segformer(theirs, version), path)
    found = convert_checkpoint(path)
    assert found.format == "SegFormer's encoder"
    assert found.recipe.arguments == SMALL
    assert found.recipe.labels == default_recipe("vivim").labels
    assert found.card.untrained == ("stages.temporal_blocks", "decoder.head")
    assert len(found.report.dropped) == 1
    name = "stages.1.blocks.0.attn.query.weight"
    source = "encoder.downsample_layers.block.1.0.attention.self.query.weight"
    assert torch.equal(found.weights[name], theirs[source])
    assert "not trained yet" in str(found)


@pytest.mark.parametrize(
    "network", ["vivim", "vm_unet_v2", "segmamba", "log_vmamba_2d", "log_vmamba_3d"]
)
def test_the_authors_recipes(network: str) -> None:
    recipe = default_recipe(network)
    assert recipe.network == network
    assert recipe.kind == {"vivim": "video", "segmamba": "volume", "log_vmamba_3d": "volume"}.get(
        network, "image"
    )


def test_every_network_has_a_recipe() -> None:
    for network in list_networks():
        assert json.loads(default_recipe(network).model_dump_json())["format_version"] == 3


def test_the_published_vivim(tmp_path: Path) -> None:
    assert "vivim" in names("vivim")
    weights = Golden("vivim").state_dict()
    torch.save(lightning(weights), tmp_path / "vivim.ckpt")
    found = convert_checkpoint(tmp_path / "vivim.ckpt")
    assert found.recipe.arguments == {"backbone": "b3", "decoder_width": 768, "edge_head": False}
    assert found.recipe.labels == {1: "polyp"}
    assert (len(found.report.matched), found.card.untrained) == (900, ())


AUTHORS = [
    ("vm_unet_v2_ds", "vm_unet_v2", {"depths": [2, 2, 9, 2], "deep_supervision": True}, ["polyp"]),
    ("vm_unet_v2_4class_logits", "vm_unet_v2", {"deep_supervision": False}, None),
    ("segmamba_4in_4out", "segmamba", {"widths": [48, 96, 192, 384], "hidden_width": 768}, None),
    ("segmamba_1in_2out", "segmamba", {"depths": [2, 2, 2, 2]}, ["class 1"]),
    (
        "log_vmamba_2d_even_128",
        "log_vmamba_2d",
        {"image_size": [128, 128], "squeeze": [2, 1, 1]},
        None,
    ),
    ("log_vmamba_2d_convonly_128", "log_vmamba_2d", {"global_tokens": False}, None),
    ("log_vmamba_2d_depthonly_128", "log_vmamba_2d", {"local_tokens": False}, None),
    ("log_vmamba_2d_factory_plain_64", "log_vmamba_2d", {"scan_directions": 4}, None),
    (
        "log_vmamba_3d_even_128",
        "log_vmamba_3d",
        {"image_size": [128] * 3, "squeeze": [1, 1, 2, 8]},
        None,
    ),
]


@pytest.mark.parametrize(("fixture", "network", "arguments", "labels"), AUTHORS)
def test_the_authors_keys_tell_network_and_arguments(
    fixture: str,
    network: str,
    arguments: dict[str, Any],
    labels: list[str] | None,
    shared: Path,
    tmp_path: Path,
) -> None:
    """Every key is matched or named as dropped, and nothing of ours stays untrained."""
    meta = json.loads((shared / "golden" / "public" / f"{fixture}.json").read_text())
    weights = {
        entry["name"]: torch.zeros(1).expand(entry["shape"] or [])
        if entry["shape"]
        else torch.zeros(())
        for entry in meta["keys"]
    }
    torch.save(
        {"model": {f"model.{key}": value for key, value in weights.items()}}, tmp_path / "a.pth"
    )
    found = convert_checkpoint(tmp_path / "a.pth")
    assert found.recipe.network == network
    assert found.recipe.arguments == {**found.recipe.arguments, **arguments}
    assert found.card.untrained == ()
    assert set(found.report.matched) | set(found.report.dropped) == set(weights)
    if labels is not None:
        assert list(found.recipe.labels.values()) == labels
    with pytest.raises(IncompatibleWeightsError, match="it looks like the authors'"):
        convert_checkpoint(tmp_path / "a.pth", network="vivim")
