"""Fine-tuning of networks of every kind, on stores of corrections and on data sets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import layouts
import numpy as np
import pytest
import torch
from every_network import NETWORKS
from verified import disc_film

from mambaseg.cli.main import main
from mambaseg.corrections import Store
from mambaseg.networks.encoders import encoder_level
from mambaseg.training import FineTuningConfig, Run, finetune
from mambaseg.training.events import Started
from mambaseg.training.split import split_frames
from mambaseg.training.stored_case import open_cases
from mambaseg.training.targets import IGNORED
from mambaseg.training.weight_groups import RATE_PART, weight_groups
from mambaseg.types import LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import TrainingError
from mambaseg.types.optimization import Optimization
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import ModelCard, TrainedModel
from mambaseg.zoo import build_network, check_trained, load_network, read_model, write_model

BALL = LabelSet.from_names({1: "ball"})


def recipe_of(network: str, labels: dict[int, str]) -> Recipe:
    return Recipe.model_validate({"network": network, "labels": labels, **NETWORKS[network][1]})


def model_for(
    folder: Path, network: str, labels: dict[int, str], untrained: tuple[str, ...] = ()
) -> TrainedModel:
    """A network with initial values."""
    torch.manual_seed(0)
    recipe = recipe_of(network, labels)
    return write_model(
        folder / "parent.safetensors",
        build_network(recipe).state_dict(),
        name="parent",
        recipe=recipe,
        card=ModelCard(untrained=untrained),
    )


def started(run: Path) -> Started:
    event = Run(run).events()[0][0]
    assert isinstance(event, Started)
    return event


def volume_store(folder: Path, slices: list[int]) -> Store:
    """A volume whose ball is drawn on some slices."""
    labels = layouts.ball(0, (16, 32, 32))
    image = MedicalImage(
        layouts.intensities(labels, 0)[None], "CZYX", layouts.PLACE, ("MRI",), "volume"
    )
    store = Store(folder)
    store.verify(image, Segmentation(labels, "ZYX", BALL, layouts.PLACE), slices)
    return store


@pytest.mark.parametrize(
    "network",
    [
        "vm_unet_v2",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("vivim", "log_vmamba_2d", "segmamba", "log_vmamba_3d")
        ),
    ],
)
def test_what_was_imported_untrained_can_be_fine_tuned(
    tmp_path: Path, network: str, capsys: pytest.CaptureFixture[str]
) -> None:
    layout, content = NETWORKS[network]
    sides = content["input"].get("patch_size")
    layouts.MAKERS[layout](tmp_path / "set", 3, *([sides] if sides else []))
    names = {1: "ball" if layout == "decathlon" else "class 1"}
    parent = model_for(tmp_path, network, names, untrained=("decoder",))
    run = tmp_path / "run"
    arguments = ["finetune", str(parent.path), "--data", str(tmp_path / "set"), "--run", str(run)]
    assert main([*arguments, "--steps", "2", "--device", "cpu"]) == 0, capsys.readouterr().err
    event = started(run)
    units = {"image": "images", "video": "clips", "volume": "volumes"}
    assert event.unit == units[content["input"]["kind"]]
    assert event.split.n_held_out == 1
    assert event.before is None
    assert any("is not trained yet, so it has no score" in note for note in event.notes)
    assert "train, 1 are held out" in capsys.readouterr().out
    model = read_model(run / "model.safetensors")
    check_trained(model)
    assert model.card.parent_sha256 == parent.sha256
    assert len(model.card.data_sha256) == event.split.n_training + 1


def test_hashes_are_those_of_the_files(tmp_path: Path) -> None:
    layouts.paired(tmp_path / "set", 3)
    parent = model_for(tmp_path, "vm_unet_v2", {1: "class 1"})
    config = FineTuningConfig.model_validate(
        {"model": str(parent.path), "data": str(tmp_path / "set"), "budget": {"steps": 1}}
    )
    finetune(config, tmp_path / "run", device="cpu")
    found = read_model(tmp_path / "run" / "model.safetensors").card
    both = [(tmp_path / "set" / kind / "p1.png").read_bytes() for kind in ("images", "masks")]
    assert found.data_sha256["p1"] == hashlib.sha256(b"".join(both)).hexdigest()
    assert list(found.parent_scores) == ["class 1: mean Dice on 1 held-out image"]
    (tmp_path / "set" / "images" / "p1.png").unlink()
    (tmp_path / "set" / "masks" / "p1.png").unlink()
    with pytest.raises(TrainingError, match="has other cases now|has finished"):
        finetune(config, tmp_path / "run", device="cpu")


def test_only_training_slices_of_a_volume_teach_and_only_held_out_ones_measure(
    tmp_path: Path,
) -> None:
    store = volume_store(tmp_path, [2, 6, 10, 14])
    (name,) = store.cases()
    recipe = recipe_of("segmamba", {1: "ball"})
    split = split_frames({name: [2, 6, 10, 14]}, {name: [6]})
    (case,) = open_cases(store, split, recipe)
    _, labels = case.training_volume(recipe)
    known = (labels[0] != IGNORED).flatten(1).any(1)
    assert known.nonzero().flatten().tolist() == [2, 10, 14]
    (scored,) = case.scored(recipe)
    reference = np.asarray(scored.reference.labels)
    drawn = (reference != BALL.ignore).any((1, 2))
    assert np.flatnonzero(drawn).tolist() == [6]


@pytest.mark.parametrize("network", ["segmamba", "vm_unet_v2"])
def test_verified_slices_of_a_volume(tmp_path: Path, network: str) -> None:
    store = volume_store(tmp_path / "store", [1, 3, 5, 7, 9])
    parent = model_for(tmp_path, network, BALL.names)
    config = FineTuningConfig.model_validate(
        {
            "model": str(parent.path),
            "data": str(store.path),
            "budget": {"epochs": 2},
            "batch_size": 4,
        }
    )
    finished = finetune(config, tmp_path / "run", device="cpu")
    assert finished.step == 2  # three slices train, in batches of four
    assert (finished.reason, started(tmp_path / "run").unit) == ("steps", "slices")
    assert finished.before is not None
    model = read_model(finished.model)
    assert "ball: mean Dice on 1 held-out slice" in model.card.parent_scores


def test_single_frames_of_a_data_set_cannot_be_held_out(tmp_path: Path) -> None:
    layouts.paired(tmp_path / "set", 3)
    parent = model_for(tmp_path, "vm_unet_v2", {1: "class 1"})
    config = FineTuningConfig(
        model=str(parent.path), data=str(tmp_path / "set"), held_out={"p1": (0,)}
    )
    with pytest.raises(TrainingError, match="no store of corrections.*leave that choice out"):
        finetune(config, tmp_path / "run", device="cpu")


def _another_size(folder: Path) -> None:
    layouts.write_picture(folder / "masks" / "p1.png", np.zeros((40, 40), np.uint8))


def _unknown_label(folder: Path) -> None:
    layouts.write_picture(folder / "masks" / "p2.png", np.full((40, 48), 7, np.uint8))


def _no_mask(folder: Path) -> None:
    (folder / "masks" / "p0.png").unlink()


def _nothing(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_another_size, "p1"),
        (_unknown_label, r"p2.png holds the values \[7\]"),
        (_no_mask, "is incomplete: .*p0.png has no mask"),
        (_nothing, "set"),
    ],
)
def test_bad_data_get_a_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
    message: str,
) -> None:
    layouts.paired(tmp_path / "set", 3)
    spoil(tmp_path / "set")
    parent = model_for(tmp_path, "vm_unet_v2", {1: "class 1"})
    run = ["finetune", str(parent.path), "--data", str(tmp_path / "set")]
    assert main([*run, "--run", str(tmp_path / "run"), "--steps", "1", "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert said.count("\n") == 1
    assert not list((tmp_path / "run").glob("*.safetensors"))


def test_volumes_of_which_all_is_ignored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layouts.nnunet(tmp_path / "set", 3)
    for path in (tmp_path / "set" / "labelsTr").iterdir():
        layouts.write_volume(path, np.full(layouts.SIZE, 2, np.uint8))
    content = {**recipe_of("segmamba", {1: "ball"}).model_dump(), "channels": ("T1", "T2")}
    recipe = Recipe.model_validate(content)
    weights = build_network(recipe).state_dict()
    parent = write_model(
        tmp_path / "p.safetensors", weights, name="p", recipe=recipe, card=ModelCard()
    )
    run = ["finetune", str(parent.path), "--data", str(tmp_path / "set")]
    assert main([*run, "--run", str(tmp_path / "run"), "--steps", "1", "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert re.search("Nothing of .*labelsTr.* is annotated, so it teaches nothing", said), said
    assert said.count("\n") == 1


def test_one_picture_teaches_without_a_score(tmp_path: Path) -> None:
    layouts.paired(tmp_path / "set", 1)
    parent = model_for(tmp_path, "vm_unet_v2", {1: "class 1"})
    config = FineTuningConfig.model_validate(
        {"model": str(parent.path), "data": str(tmp_path / "set"), "budget": {"steps": 1}}
    )
    assert finetune(config, tmp_path / "run", device="cpu").after is None
    assert "None of the images is held out" in started(tmp_path / "run").notes[0]


def test_regions_give_way_to_other_classes(tmp_path: Path) -> None:
    film, masks = disc_film(6)
    labels: dict[str, Any] = {
        "labels": {1: "a", 2: "b"},
        "output": {
            "form": "regions",
            "regions": [
                {"name": "all", "classes": [1, 2], "value": 2},
                {"name": "core", "classes": [1], "value": 1},
            ],
            "painted": ["all", "core"],
        },
    }
    recipe = Recipe.model_validate({**recipe_of("vivim", {1: "a"}).model_dump(), **labels})
    parent = write_model(
        tmp_path / "p.safetensors",
        build_network(recipe).state_dict(),
        name="p",
        recipe=recipe,
        card=ModelCard(),
    )
    Store(tmp_path / "store").verify(film, masks, [1, 4])
    config = FineTuningConfig.model_validate(
        {"model": str(parent.path), "data": str(tmp_path / "store"), "budget": {"steps": 1}}
    )
    made = read_model(finetune(config, tmp_path / "run", device="cpu").model)
    assert (made.recipe.labels, made.recipe.output.form) == ({1: "nodule"}, "softmax")


@pytest.mark.parametrize("network", NETWORKS)
def test_encoder_and_decoder_are_told_apart(network: str) -> None:
    built = build_network(recipe_of(network, {1: "a"}))
    levels = {key: encoder_level(network, key) for key, _ in built.named_parameters()}
    inside = sorted({level for level in levels.values() if level is not None})
    assert inside == list(range(inside[0], inside[-1] + 1))
    assert len(inside) >= 4
    assert any(level is None for key, level in levels.items() if "head" in key)
    groups = weight_groups(built, network, Optimization(layer_decay=0.5))
    parts = [group[RATE_PART] for group in groups]
    assert parts == sorted(parts)
    assert parts[-2:] == [0.5, 1.0]
    assert sum(len(group["params"]) for group in groups) == len(levels)
    (decoder,) = weight_groups(built, network, Optimization(trains="decoder"))
    assert len(decoder["params"]) == list(levels.values()).count(None)
    assert sum(w.requires_grad for w in built.parameters()) == len(decoder["params"])


def test_a_frozen_encoder_stays_as_it_is(tmp_path: Path) -> None:
    film, masks = disc_film(6)
    parent = model_for(tmp_path, "vivim", {1: "nodule"})
    Store(tmp_path / "store").verify(film, masks, [1])
    run = ["finetune", str(parent.path), "--data", str(tmp_path / "store"), "--steps", "2"]
    more = ["--trains", "decoder", "--device", "cpu", "--run", str(tmp_path / "run")]
    assert main([*run, *more]) == 0
    old = load_network(parent).state_dict()
    new = load_network(read_model(tmp_path / "run" / "model.safetensors")).state_dict()
    changed = {key for key, value in new.items() if not torch.equal(value, old[key])}
    assert changed
    assert all(encoder_level("vivim", key) is None for key in changed)
