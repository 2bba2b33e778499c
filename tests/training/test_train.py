"""A whole training run, small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from models import small_recipe

from mambaseg.training import Run, read_config, train
from mambaseg.training.events import Failed, Finished, TrainingStarted
from mambaseg.training.run_state import TrainingState, load_state
from mambaseg.training.targets import one_hot
from mambaseg.types.errors import (
    InvalidConfigError,
    OutputError,
    TrainingError,
    UnsupportedImageError,
)
from mambaseg.types.network_input import VideoInput
from mambaseg.types.training_config import TrainingConfig
from mambaseg.zoo import load_network, read_model

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"


def _config(steps: int = 2, **optimization: Any) -> TrainingConfig:
    return TrainingConfig.model_validate(
        {
            "name": "tiny",
            "recipe": small_recipe(
                spatial_size=(48, 64), clip_length=3, clip_overlap=1, labels={1: "left ventricle"}
            ),
            "data": [
                {
                    "image": "sample:echo",
                    "labels": "echo_left_ventricle.json",
                    "train_frames": [0, 20],
                    "held_out_frames": [20, 30],
                }
            ],
            "budget": {"steps": steps},
            "batches": {"size": 2},
            "optimization": {"learning_rate": 3e-3, "average_decay": 0.9, **optimization},
        }
    )


def test_a_short_run_learns_and_writes_a_model_with_its_score(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    model = train(_config(steps=120), path, folder=SAMPLE_DATA, device="cpu")
    assert model == read_model(path)
    ((name, dice),) = model.card.scores.items()
    assert name == "left ventricle: mean Dice on 10 held-out frames"
    assert dice > 0.5  # an untrained network or a constant answer stays under 0.2
    load_network(model)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["tiny.run", "tiny.safetensors"]
    started, *progress, finished = Run(tmp_path / "tiny.run").training_events()[0]
    assert isinstance(started, TrainingStarted)
    assert (started.training, started.resumed) == (("examples_ybr_color.dcm 0 to 19",), False)
    assert progress
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.step) == ("steps", 120)
    assert finished.after == {"left ventricle": dice}


@pytest.mark.slow
def test_a_run_depends_on_its_seed_alone(tmp_path: Path) -> None:
    weights = []
    for name in "ab":
        model = train(
            _config(steps=2), tmp_path / f"{name}.safetensors", folder=SAMPLE_DATA, device="cpu"
        )
        weights.append(load_network(model).state_dict())
    for key, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][key], rtol=0, atol=0, msg=key)


def test_divergence_stops_the_run_and_writes_no_model(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not a number at step [12]:"):
        train(
            _config(steps=20, learning_rate=1e30, gradient_clip=1e30),
            tmp_path / "x.safetensors",
            folder=SAMPLE_DATA,
            device="cpu",
        )
    assert not list(tmp_path.glob("*.safetensors"))
    kept = load_state(tmp_path / "x.run" / "state.safetensors", TrainingState)
    assert all(torch.isfinite(weight).all() for weight in kept.weights.values())
    outcome = Run(tmp_path / "x.run").outcome
    assert isinstance(outcome, Failed)
    assert "lower learning rate" in outcome.message


def test_an_edge_head_does_not_stand_in_the_way(tmp_path: Path) -> None:
    config = _config(steps=1)
    edged = config.recipe.model_copy(
        update={"arguments": {**config.recipe.arguments, "edge_head": True}}
    )
    path = tmp_path / "m.safetensors"
    train(config.model_copy(update={"recipe": edged}), path, folder=SAMPLE_DATA, device="cpu")
    assert read_model(path).recipe == edged


@pytest.mark.parametrize("name", ["model.pt", "model", "folder.safetensors"])
def test_an_output_that_is_no_model_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(OutputError, match=r"name a file that ends in \.safetensors"):
        train(_config(steps=10**9), tmp_path / name, folder=SAMPLE_DATA)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"arguments": {"backbone": "b9"}}, InvalidConfigError, "backbone must be one of"),
        ({"arguments": {"widths": [8, 15, 41, 63]}}, InvalidConfigError, "cannot be split"),
        ({"input": VideoInput(size=(16, 16))}, UnsupportedImageError, "at least 29 x 29 pixels"),
        ({"arguments": {"scan_chunks": 5}}, UnsupportedImageError, "into 5 equal chunks"),
    ],
)
def test_recipes_that_do_not_fit_their_network(
    tmp_path: Path, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    config = _config(steps=2)
    config = config.model_copy(update={"recipe": config.recipe.model_copy(update=change)})
    with pytest.raises(error, match=message):
        train(config, tmp_path / "m.safetensors", folder=SAMPLE_DATA, device="cpu")


@pytest.mark.parametrize(("output", "channels"), [("sigmoid", 2), ("softmax", 3)])
def test_targets_have_one_channel_per_class(output: str, channels: int) -> None:
    recipe = small_recipe(output=output, labels={2: "a", 7: "b"})
    labels = torch.tensor([[0.0, 2.0], [7.0, 7.0]])[None, None]
    target = one_hot(labels, recipe)
    assert target.shape == (1, channels, 2, 2)
    assert target[0, -2].tolist() == [[0, 1], [0, 0]]
    assert target[0, -1].tolist() == [[0, 0], [1, 1]]


def test_the_shipped_configuration_holds_frames_out() -> None:
    config = read_config(SAMPLE_DATA / "vivim-echo-demo.yaml")
    (clip,) = config.data
    assert clip.train_frames == (0, 20)
    assert clip.held_out_frames == (20, 30)
    assert "Not for clinical use" in config.card.intended_use


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "is not YAML"),
        ("just text", "not a valid TrainingConfig"),
        (yaml.safe_dump({"name": "x"}), "recipe: Field required"),
        (yaml.safe_dump({"format_version": 9}), "format version 9.*update mambaseg"),
        (b"\xff\xfe\xfa", "is not YAML"),
    ],
)
def test_broken_configurations_name_the_place(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidConfigError, match=message):
        read_config(file)


def test_a_missing_configuration(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match="No such file"):
        read_config(tmp_path / "c.yaml")
