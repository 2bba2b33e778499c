"""Configurations: migration, schedules, and the papers' recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import layouts
import pytest
import torch
import yaml
from models import small_recipe
from pydantic import ValidationError

from mambaseg.training import list_recipes, read_config, recipe_config
from mambaseg.training.module import build_optimizer
from mambaseg.training.paper_recipe import read_recipe
from mambaseg.types.errors import TrainingError
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.optimization import Budget, Constant, Cosine, Optimization, Poly, Steps
from mambaseg.types.training_config import TrainingConfig
from mambaseg.types.training_data import LabelledSet
from mambaseg.zoo import build_network

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"


def old_config(**changes: Any) -> dict[str, Any]:
    return {
        "format_version": 1,
        "name": "old",
        "recipe": small_recipe().model_dump(),
        "data": [{"images": "us/images", "masks": "us/masks", "held_out": 0.3}],
        "optimization": {"steps": 7, "batch_size": 3, "learning_rate": 0.1},
        **changes,
    }


def test_the_first_format_is_migrated() -> None:
    config = TrainingConfig.parse(old_config(), "old")
    assert config.format_version == 2
    assert config.data == (LabelledSet(path="us", held_out=0.3),)
    assert (config.budget, config.batches.size) == (Budget(steps=7), 3)
    assert config.optimization.learning_rate == 0.1
    other = old_config(data=[{"images": "a", "masks": "b/c"}])
    assert TrainingConfig.parse(other, "old").data == (LabelledSet(path="a", masks="b/c"),)
    del other["format_version"]
    assert TrainingConfig.parse(other, "old").format_version == 2


@pytest.mark.parametrize("file", sorted(SAMPLE_DATA.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_shipped_configurations_are_of_the_new_form(file: Path) -> None:
    assert yaml.safe_load(file.read_text())["format_version"] == 2
    config = read_config(file)
    assert config.budget.steps is not None
    again = TrainingConfig.model_validate(config.model_dump(mode="json"))
    assert again == config


@pytest.mark.parametrize("budget", [{}, {"steps": 0}, {"minutes": -1}])
def test_a_budget_is_needed(budget: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate(budget)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (Cosine(warm_up=0, lowest=0.01), {0: 1, 0.5: 0.505, 1: 0.01}),
        (Cosine(warm_up=0, half_periods=6), {0: 1, 1 / 6: 0, 1 / 3: 1, 0.5: 0}),
        (Poly(power=0.9), {0: 1, 0.5: 0.5**0.9, 1: 0}),
        (Steps(at=(0.7,)), {0: 1, 0.69: 1, 0.7: 0.1, 1: 0.1}),
        (Constant(warm_up=0.1), {0: 0.01, 0.05: 0.5, 0.1: 1, 1: 1}),
    ],
)
def test_schedules(schedule: Any, rates: dict[float, float]) -> None:
    for spent, rate in rates.items():
        assert schedule.rate(spent) == pytest.approx(rate, abs=1e-9), spent


def test_the_papers_numbers() -> None:
    """By the authors' code, and by the paper where it says otherwise."""
    assert list_recipes() == [
        "log_vmamba_2d",
        "log_vmamba_3d",
        "segmamba",
        "segmamba-paper",
        "vivim",
        "vivim-paper",
        "vm_unet_v2",
    ]
    vivim, paper = read_recipe("vivim"), read_recipe("vivim-paper")
    assert (vivim.loss.structure, vivim.loss.centre_frame) == (1, True)
    assert (paper.loss.cross_entropy, paper.loss.iou, paper.loss.structure) == (1, 1, 0)
    for recipe in (vivim, paper):
        o = recipe.optimization
        assert (o.optimizer, o.learning_rate, recipe.batches.size) == ("adam", 1e-4, 8)
        assert o.learning_rate * o.schedule.rate(1) == pytest.approx(1e-6)
    o = read_recipe("segmamba").optimization
    assert (o.optimizer, o.learning_rate, o.weight_decay, o.momentum) == ("sgd", 1e-2, 3e-5, 0.99)
    assert read_recipe("segmamba-paper").optimization.weight_decay == 1e-5
    o = read_recipe("vm_unet_v2").optimization
    assert (o.optimizer, o.learning_rate, o.learning_rate * o.schedule.rate(1 / 6)) == (
        "adamw",
        1e-3,
        pytest.approx(1e-5),
    )
    o = read_recipe("log_vmamba_3d").optimization
    assert (o.schedule.rate(0.69), o.schedule.rate(0.71)) == (1, pytest.approx(0.1))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)],
)
def test_optimizers(name: Any, kind: type[torch.optim.Optimizer]) -> None:
    built = build_optimizer(torch.nn.Linear(2, 2), "vivim", Optimization(optimizer=name))
    assert type(built) is kind
    if name == "sgd":
        assert built.param_groups[0]["nesterov"]


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize(
    ("recipe", "layout"),
    [
        ("segmamba", "nnunet"),
        ("segmamba-paper", "brats"),
        ("log_vmamba_3d", "brats"),
        ("log_vmamba_3d", "acdc"),
        ("vm_unet_v2", "paired"),
        ("vm_unet_v2", "acdc_h5"),
        ("log_vmamba_2d", "paired_with_split"),
        ("vivim", "clips"),
        ("vivim-paper", "paired"),
    ],
)
def test_a_recipe_is_fitted_to_a_data_set(
    tmp_path: Path, recipe: str, layout: str, small: bool
) -> None:
    layouts.MAKERS[layout](tmp_path)
    config = recipe_config(recipe, tmp_path, small=small, budget=Budget(minutes=3))
    assert config.budget == Budget(minutes=3)
    assert TrainingConfig.model_validate(config.model_dump(mode="json")) == config
    if isinstance(config.recipe.input, VolumeInput):
        assert max(config.recipe.input.patch_size) == (64 if recipe == "log_vmamba_3d" else 32)
    overlapping = (recipe, layout) == ("log_vmamba_3d", "brats")
    assert (config.recipe.output.form == "regions") == overlapping
    if small:
        build_network(config.recipe)


def test_a_recipe_for_other_images_is_refused(tmp_path: Path) -> None:
    layouts.paired(tmp_path)
    with pytest.raises(TrainingError, match="holds images, but segmamba takes a volume"):
        recipe_config("segmamba", tmp_path)
