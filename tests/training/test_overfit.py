"""Each network can learn two cases by heart."""

from __future__ import annotations

from pathlib import Path

import layouts
import numpy as np
import pytest
import torch
from every_network import NETWORKS

from mambaseg.training import train
from mambaseg.training.held_out import dice_rows, mean_dices
from mambaseg.training.labelled_set import OpenSet
from mambaseg.types.training_config import TrainingConfig
from mambaseg.types.training_data import LabelledSet
from mambaseg.zoo import load_network

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("network", NETWORKS)
def test_two_cases_are_learnt_by_heart(tmp_path: Path, network: str) -> None:
    layout, content = NETWORKS[network]
    sides = content["input"].get("patch_size")
    layouts.MAKERS[layout](tmp_path / "set", 2, *([sides] if sides else []))
    names = {1: "ball" if layout == "decathlon" else "class 1"}
    config = TrainingConfig.model_validate(
        {
            "name": "learnt",
            "recipe": {"network": network, "labels": names, **content},
            "data": [{"path": "set", "held_out": 0}],
            "budget": {"steps": 120},
            "optimization": {"learning_rate": 4e-3, "average_decay": 0.9, "weight_decay": 0},
            "augmentation": {
                "rotation_deg": 0, "scale": 0, "translation": 0, "contrast": 1, "brightness": 0,
                "noise": 0, "blur": 0,
            },
        }
    )  # fmt: skip
    model = train(config, tmp_path / "m.safetensors", folder=tmp_path, device="cpu")
    learnt = OpenSet.open(LabelledSet(path="set", held_out=0), config.recipe, tmp_path, 0)
    both = OpenSet(learnt.recipe, learnt.dataset, (0, 1), learnt.table)
    values = dice_rows(load_network(model), config.recipe, both.scored(), torch.device("cpu"))
    (dice,) = mean_dices(values).values()
    assert np.isfinite(dice)
    assert dice >= 0.95
