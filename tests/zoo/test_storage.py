"""Trained models as files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mambaseg.types.errors import (
    IncompatibleWeightsError,
    InvalidConfigError,
    OutputError,
    UnknownNameError,
)
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import ModelCard, TrainedModel
from mambaseg.zoo import (
    build_network,
    list_models,
    load_model,
    load_network,
    read_model,
    write_model,
)

RECIPE = Recipe(
    network="vivim",
    arguments={"backbone": "b0", "widths": [8, 16, 40, 64], "decoder_width": 16},
    channels=("red", "green", "blue"),
    mean=(0.5, 0.5, 0.5),
    std=(0.2, 0.2, 0.2),
    spatial_size=(32, 32),
    labels={1: "nodule", 3: "vessel"},
)


def _with(part: str, **changes: Any) -> str:
    content = json.loads(RECIPE.model_dump_json())
    return json.dumps({**content, part: {**content[part], **changes}})


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network(RECIPE).eval()


@pytest.fixture
def model(network: torch.nn.Module, tmp_path: Path) -> TrainedModel:
    card = ModelCard(description="a test", scores={"Dice": 0.5})
    return write_model(
        tmp_path / "m.safetensors", network.state_dict(), name="m", recipe=RECIPE, card=card
    )


def _rewrite(model: TrainedModel, **header: str) -> Path:
    """Write the same weights under another header."""
    save_file(load_file(model.path), model.path, metadata=header)
    return model.path


def test_round_trip(model: TrainedModel, network: torch.nn.Module) -> None:
    again = read_model(model.path)
    assert again == model
    assert again.recipe == RECIPE
    assert again.card.scores == {"Dice": 0.5}
    loaded = load_network(again)
    assert not loaded.training
    for key, value in loaded.state_dict().items():
        kept = network.state_dict()[key]
        expected = kept.half().float() if kept.is_floating_point() else kept
        torch.testing.assert_close(value, expected, rtol=0, atol=0)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}


def test_sha_follows_the_content(model: TrainedModel, network: torch.nn.Module) -> None:
    weights = {key: value * 2 for key, value in network.state_dict().items()}
    other = write_model(model.path, weights, name="m", recipe=RECIPE, card=model.card)
    assert other.sha256 != model.sha256


def test_divergent_weights_are_not_written(network: torch.nn.Module, tmp_path: Path) -> None:
    weights = network.state_dict()
    weights["decoder.head.bias"].fill_(1e6)
    with pytest.raises(IncompatibleWeightsError, match=r"decoder\.head\.bias.*not finite"):
        write_model(tmp_path / "x.safetensors", weights, name="x", recipe=RECIPE, card=ModelCard())
    assert not list(tmp_path.iterdir())


def test_unwritable_place(network: torch.nn.Module, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write"):
        write_model(
            tmp_path / "file" / "x.safetensors",
            network.state_dict(),
            name="x",
            recipe=RECIPE,
            card=ModelCard(),
        )


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(IncompatibleWeightsError, match="There is no model file"):
        load_model(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("size", [0, 7, 1000])
def test_truncated_file(model: TrainedModel, size: int) -> None:
    model.path.write_bytes(model.path.read_bytes()[:size])
    with pytest.raises(IncompatibleWeightsError, match="not a whole safetensors file"):
        read_model(model.path)


def test_file_without_recipe(model: TrainedModel) -> None:
    with pytest.raises(IncompatibleWeightsError, match="no Recipe"):
        read_model(_rewrite(model, name="m"))


def test_newer_format_is_refused(model: TrainedModel) -> None:
    newer = {**json.loads(RECIPE.model_dump_json()), "format_version": 4}
    with pytest.raises(InvalidConfigError, match="format version 4.*update mambaseg"):
        read_model(_rewrite(model, recipe=json.dumps(newer)))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("{", "not a valid Recipe"),
        ("[]", "not a valid Recipe"),
        ("[" * 100_000, "not a valid Recipe"),
        (
            json.dumps({**json.loads(RECIPE.model_dump_json()), "arguments": {"name": "x"}}),
            r"arguments may not hold \['name'\]",
        ),
        (json.dumps({**json.loads(RECIPE.model_dump_json()), "clip_lenght": 5}), "clip_lenght"),
        (_with("input", clip_overlap=9), "clip_overlap"),
        (_with("intensity", mean=[0.5]), "one value per channel"),
    ],
)
def test_broken_recipe_names_the_place(model: TrainedModel, recipe: str, message: str) -> None:
    with pytest.raises(InvalidConfigError, match=message):
        read_model(_rewrite(model, recipe=recipe))


@pytest.mark.parametrize(
    "changed",
    [
        RECIPE.model_copy(update={"labels": {1: "nodule"}}),
        RECIPE.model_copy(update={"arguments": {"backbone": "b1"}}),
        RECIPE.model_copy(update={"arguments": {"backbone": "b0", "colour": 1}}),
    ],
    ids=["classes", "backbone", "argument"],
)
def test_weights_that_do_not_fit_their_recipe(model: TrainedModel, changed: Recipe) -> None:
    path = _rewrite(model, name="m", recipe=changed.model_dump_json())
    with pytest.raises(IncompatibleWeightsError, match="do not fit the network 'vivim'"):
        load_network(read_model(path))


def test_users_models_are_found_beside_ours(
    model: TrainedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("mambaseg.zoo.registry.user_models_folder", lambda: tmp_path)
    (tmp_path / "broken.safetensors").write_bytes(b"no model")
    shutil.copy(model.path, tmp_path / ".partial-0-m.safetensors")  # as while one is kept
    assert [m for m in list_models() if m.name == "m"] == [model]
    assert "broken.safetensors is not a whole safetensors file" in caplog.text
    assert load_model("m") == model
    with pytest.raises(UnknownNameError, match="There is no model 'q'"):
        load_model("q")
