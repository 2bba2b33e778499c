"""Recipes of all kinds, and those of the first format."""

from __future__ import annotations

from typing import Any

import pytest
from models import small_recipe

from mambaseg.types.errors import InvalidConfigError
from mambaseg.types.network_input import VideoInput
from mambaseg.types.network_output import Sigmoid, Softmax
from mambaseg.types.recipe import Recipe

OLD: dict[str, Any] = {
    "format_version": 1,
    "network": "vivim",
    "arguments": {"backbone": "b0"},
    "kind": "video",
    "channels": ["grey"],
    "mean": [0.5],
    "std": [0.25],
    "spatial_size": [48, 64],
    "clip_length": 3,
    "clip_overlap": 1,
    "labels": {"1": "nodule"},
    "output": "sigmoid",
    "threshold": 0.4,
}


def volume(**changes: Any) -> Recipe:
    content: dict[str, Any] = {
        "network": "segmamba",
        "channels": ["t1", "t2"],
        "intensity": {"rule": "z_score"},
        "input": {"kind": "volume", "patch_size": [32, 32, 32]},
        "labels": {1: "a", 2: "b", 3: "c"},
        "output": {"form": "softmax"},
        **changes,
    }
    return Recipe.parse(content, "r.yaml")


def test_the_first_format_is_migrated() -> None:
    recipe = Recipe.parse(OLD, "old.safetensors")
    assert recipe.format_version == 3
    assert recipe.video == VideoInput(size=(48, 64), clip_length=3, clip_overlap=1)
    assert recipe.output == Sigmoid(threshold=0.4)
    assert Recipe.parse({**OLD, "output": "softmax"}, "x").output == Softmax()
    bare = {k: v for k, v in OLD.items() if k not in ("format_version", "kind", "threshold")}
    assert Recipe.parse(bare, "x").video.clip_length == 3
    again = Recipe.parse(recipe.model_dump(mode="json"), "x")
    assert again == recipe


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 4}, "update mambaseg"),
        ({"clip_length": "many"}, "clip_length"),
        ({"std": [0.0]}, "std must be positive"),
        ({"spatial_size": [0, 5]}, "greater than or equal to 1"),
        ({"clip_overlap": 3}, "clip_overlap must be less"),
        ({"mean": [1, 2], "std": [1, 2]}, "one value per channel"),
        ({"colour": 1}, "colour"),
        ({"output": "argmax"}, "output"),
    ],
)
def test_an_old_recipe_that_does_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidConfigError, match=message):
        Recipe.parse({**OLD, **changes}, "old.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_length": 4}, "clip_length: Extra inputs"),
        ({"input": {"kind": "volume", "patch_size": [8, 8]}}, "patch_size"),
        ({"input": {"kind": "volume", "patch_size": [8] * 3, "clip_length": 2}}, "clip_length"),
        ({"input": {"kind": "volume", "patch_size": [8] * 3, "orientation": "SSL"}}, "one letter"),
        ({"input": {"kind": "volume", "patch_size": [8] * 3, "overlap": 1.0}}, "overlap"),
        ({"input": {"kind": "volume", "patch_size": [8] * 3, "spacing_mm": [1, 0, 1]}}, "spacing"),
        ({"input": {"kind": "film"}}, "input"),
        ({"intensity": {"rule": "z_score", "over": "some"}}, "over"),
        ({"arguments": {"in_channels": 3}}, "in_channels"),
        (
            {
                "output": {
                    "form": "regions",
                    "regions": [{"name": "x", "classes": [1], "value": 2}],
                    "painted": ["x"],
                }
            },
            "must be one of the classes",
        ),
        (
            {
                "output": {
                    "form": "regions",
                    "regions": [{"name": "x", "classes": [1], "value": 1}],
                    "painted": ["y"],
                }
            },
            "painted must name each",
        ),
        (
            {
                "output": {
                    "form": "regions",
                    "regions": [{"name": "x", "classes": [1], "value": 1}],
                    "painted": ["x"],
                }
            },
            "classes must be those of labels",
        ),
    ],
)
def test_a_recipe_that_does_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidConfigError, match=message):
        volume(**changes)


def test_kinds_and_channels() -> None:
    assert (volume().kind, volume().out_channels) == ("volume", 4)
    assert small_recipe().kind == "video"
    with pytest.raises(InvalidConfigError, match="takes a single volume, but a video model"):
        _ = volume().video
