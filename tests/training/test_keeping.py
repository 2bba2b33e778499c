"""Fine-tuned models among the user's own, and which of them becomes the default."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from verified import disc_film, nodule_model, verified_store

from mambaseg.cli.main import main
from mambaseg.corrections import Store
from mambaseg.training import FineTuningConfig, Run, finetune, keep
from mambaseg.training.events import Progress, RunEvent, append_event, mean_dice
from mambaseg.types import Segmentation
from mambaseg.types.errors import IncompatibleWeightsError, InvalidOptionError, OutputError
from mambaseg.types.optimization import Budget
from mambaseg.types.trained_model import ModelCard, TrainedModel
from mambaseg.zoo import (
    default_models,
    defaults_first,
    list_models,
    load_network,
    make_default,
    read_model,
    roll_back,
    user_models_folder,
    write_model,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


def scored(path: Path, scores: dict[str, float], before: dict[str, float]) -> TrainedModel:
    path.parent.mkdir(parents=True, exist_ok=True)
    parent = nodule_model(path.parent)
    card = ModelCard(scores=scores, parent_scores=before, parent_sha256=parent.sha256)
    weights = {key: value + 0.01 for key, value in load_network(parent).state_dict().items()}
    return write_model(path, weights, name="tuned", recipe=parent.recipe, card=card)


def own(name: str) -> TrainedModel:
    folder = user_models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return scored(folder / f"{name}.safetensors", {"a": len(name) / 10}, {})


def test_keeping_a_model(tmp_path: Path) -> None:
    config = FineTuningConfig(
        model=str(nodule_model(tmp_path).path),
        data=str(verified_store(tmp_path / "store", [2, 20]).path),
        minutes=0.02,
    )
    run = Run(tmp_path / "run")
    with pytest.raises(IncompatibleWeightsError, match="no model file"):
        keep(run, "mine")
    finished = finetune(config, run.path, device="cpu")
    kept = keep(run, "mine").model
    assert kept.path == user_models_folder() / "mine.safetensors"
    assert (kept.name, kept.card) == ("mine", read_model(finished.model).card)
    first, second = (load_network(read_model(p)).state_dict() for p in (kept.path, finished.model))
    assert all(torch.equal(first[key], second[key]) for key in first)
    with pytest.raises(OutputError, match="a model called 'mine' already"):
        keep(run, "mine")
    with pytest.raises(OutputError, match="cannot be called '../x'"):
        keep(run, "../x")


@pytest.mark.parametrize(
    ("scores", "before", "accepted", "why"),
    [
        ({"a": 0.9}, {"a": 0.8}, True, "is the default now: mean Dice 0.900 .* reaches 0.800"),
        ({"a": 0.8}, {"a": 0.8}, False, "is not made the default: .* of 0.800 .* reaches 0.800"),
        ({"a": 0.7}, {"a": 0.8}, False, "is not made the default: .* of 0.700 .* reaches 0.800"),
        ({"a": 0.9}, {}, False, "no score compares it with .*models --default 'mine'"),
        ({}, {}, False, "no score compares"),
    ],
)
def test_only_what_is_better_becomes_the_default(
    tmp_path: Path, scores: dict[str, float], before: dict[str, float], accepted: bool, why: str
) -> None:
    run = Run(tmp_path / "run")
    scored(run.model_file, scores, before)
    kept = keep(run, "mine")
    assert kept.is_default is accepted
    assert [model.name for model in default_models()] == (["mine"] if accepted else [])
    assert re.search(why, kept.why), kept.why


def test_a_model_that_is_kept_beside_the_others_leaves_the_default(tmp_path: Path) -> None:
    before = own("before")
    make_default(before)
    run = Run(tmp_path / "run")
    scored(run.model_file, {"a": 0.9}, {"a": 0.8})
    kept = keep(run, "mine", beside=True)
    assert not kept.is_default
    assert kept.why == "mine; the default stays as it was."
    assert [model.path for model in default_models()] == [before.path]
    assert "mine" in [model.name for model in list_models()]


def test_good_weights_on_the_way_to_bad_ones_are_no_default(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    scored(run.model_file, {"a": 0.9}, {"a": 0.8})
    for dice in (0.9, 0.5):
        progress = Progress(step=1, loss=1, seconds=1, seconds_left=1, dice={"a": dice})
        append_event(run.events_file, progress)
    kept = keep(run, "mine")
    assert not kept.is_default
    assert "led to a mean Dice of 0.500" in kept.why
    assert "reaches 0.800. It holds weights from midway, which reach 0.900" in kept.why
    assert default_models() == []


def test_rollback_goes_back_one_by_one_and_removes_nothing() -> None:
    one, three = own("one"), own("three")
    with pytest.raises(InvalidOptionError, match="No model is the default"):
        roll_back()
    for model in (one, three, one):
        make_default(model)
    assert [m.sha256 for m in default_models()] == [one.sha256, three.sha256]
    shown = [m.sha256 for m in defaults_first(list_models())]
    assert shown[:2] == [one.sha256, three.sha256]
    assert sorted(shown) == sorted(m.sha256 for m in list_models())
    before, now = roll_back()
    assert now is not None
    assert (before.sha256, now.sha256) == (one.sha256, three.sha256)
    assert roll_back()[1] is None
    assert default_models() == []
    assert one.path.exists()
    assert three.path.exists()


def test_the_shell_takes_the_default_where_no_model_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = ["segment", str(tmp_path / "no.mp4"), "-o", str(tmp_path / "out")]
    assert main(segment) == 2
    assert "No model was named" in capsys.readouterr().err
    make_default(own("one"))
    assert main(segment) == 2
    said = capsys.readouterr()
    assert "no model was named: tuned, the default, is taken" in said.out
    assert "no.mp4" in said.err
    assert main(["models", "--default", "nobody"]) == 2
    assert "There is no model 'nobody'" in capsys.readouterr().err


def test_a_default_whose_file_is_gone_gives_its_place_back() -> None:
    one, three = own("one"), own("three")
    make_default(one)
    make_default(three)
    three.path.unlink()
    assert [m.sha256 for m in default_models()] == [one.sha256]
    assert roll_back() == (read_model(one.path), None)


def test_a_damaged_list_of_defaults_is_told_and_hides_no_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own("one")
    file = user_models_folder().parent / "default_models.json"
    file.write_text("{")
    assert main(["models"]) == 2
    assert "default_models.json does not say" in capsys.readouterr().err
    assert len(defaults_first(list_models())) == len(list_models())


@pytest.mark.slow
def test_a_harmful_fine_tuning_is_refused_and_a_rollback_restores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodule_model(tmp_path)
    film, masks = disc_film()
    frames = [2, 8, 14, 20, 26]
    store = verified_store(tmp_path / "store", frames)
    (case,) = store.cases()

    def tune(model: str, data: Path, run: Path, until: float) -> None:
        def listen(event: RunEvent) -> None:
            if isinstance(event, Progress) and event.dice and mean_dice(event.dice) > until:
                Run(run).request_stop()

        config = FineTuningConfig(
            model=model,
            data=str(data),
            budget=Budget(minutes=1) if until < 1 else Budget(steps=40),
            held_out={case: (26,)},
            learning_rate=3e-3,
        )
        finetune(config, run, device="cpu", listen=listen)

    tune(str(tmp_path / "parent.safetensors"), store.path, tmp_path / "good", 0.75)
    assert main(["models", "--keep", str(tmp_path / "good"), "--name", "good"]) == 0
    assert "good is the default now: mean Dice" in capsys.readouterr().out

    wrong = 1 - np.array(masks.labels)
    wrong[26] = masks.labels[26]
    harmed = Store(tmp_path / "harmed")
    harmed.verify(film, Segmentation(wrong, "TYX", masks.label_set, film.geometry), frames)
    tune("good", harmed.path, tmp_path / "bad", 2)
    assert main(["models", "--keep", str(tmp_path / "bad"), "--name", "bad"]) == 0
    said = capsys.readouterr().out
    assert "bad is not made the default: training led to a mean Dice of 0." in said
    before = mean_dice(read_model(tmp_path / "bad" / "model.safetensors").card.parent_scores)
    assert f"where good reaches {before:.3f}" in said
    assert [model.name for model in default_models()] == ["good"]

    assert main(["models", "--default", "bad"]) == 0
    assert main(["models"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("bad  ("))
    assert line.endswith(", the default)")
    assert main(["models", "--rollback"]) == 0
    said = capsys.readouterr().out
    assert "bad is no longer the default, good is again; it stays listed" in said
    assert main(["models", "--rollback"]) == 0
    assert "no model is now" in capsys.readouterr().out
    assert main(["models", "--rollback"]) == 2
    assert "No model is the default" in capsys.readouterr().err
