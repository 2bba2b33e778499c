"""What the parent is sure of, learnt again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from models import small_recipe
from safetensors.torch import load
from torch import nn
from torch.utils.data import Dataset
from verified import nodule_model, verified_store

from mambaseg.cli.main import main
from mambaseg.training.replay import WithReplay, confident_labels
from mambaseg.training.split import split_frames
from mambaseg.training.stored_case import open_cases
from mambaseg.training.targets import IGNORED
from mambaseg.zoo import read_model


class Says(nn.Module):
    """A network that gives the same logits for every clip."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)[None, None, :, None, None]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, frames, _, *size = x.shape
        return self.logits.expand(batch, frames, -1, *size)


@pytest.mark.parametrize(
    ("output", "logits", "expected"),
    [
        ("sigmoid", (4.0, -4.0), 1),
        ("sigmoid", (-4.0, -5.0), 0),
        ("sigmoid", (0.5, -4.0), IGNORED),
        ("softmax", (0.0, 0.0, 6.0), 3),
        ("softmax", (6.0, 0.0, 0.0), 0),
        ("softmax", (1.0, 0.0, 1.0), IGNORED),
    ],
)
def test_only_what_a_network_is_sure_of_counts(
    output: str, logits: tuple[float, ...], expected: float
) -> None:
    recipe = small_recipe(output=output, labels={1: "a", 3: "b"})
    labels = confident_labels(Says(*logits), torch.rand(3, 4, 8, 8), recipe, torch.device("cpu"))
    assert labels.shape == (1, 4, 8, 8)
    assert labels.unique().tolist() == [expected]


def test_stretches_hold_no_verified_frame_and_stay_away_from_held_out_ones(tmp_path: Path) -> None:
    recipe = small_recipe(clip_length=3, clip_overlap=1)
    store = verified_store(tmp_path, [4, 20])
    (name,) = store.cases()
    (case,) = open_cases(store, split_frames({name: [4, 20]}, {name: [20]}), recipe)
    found = case.unlabelled(recipe)
    frames = {frame for stretch in found for frame in stretch}
    assert all(len(stretch) == 3 for stretch in found)
    assert len(found) >= 6
    assert not frames & {4, 19, 20, 21}
    assert case.frames(found[0], recipe).shape == (3, 3, 32, 40)


class Constant(Dataset[int]):
    def __init__(self, value: int) -> None:
        self.value = value

    def __getitem__(self, index: int) -> int:
        return self.value


def test_samples_are_mixed_in_the_part_asked_for_and_always_alike() -> None:
    mixed = WithReplay(Constant(0), Constant(1), 0.25, seed=3)
    drawn = [mixed[i] for i in range(2000)]
    assert 0.2 < sum(drawn) / len(drawn) < 0.3
    assert drawn == [mixed[i] for i in range(2000)]


def _sure_of_any(run: Path) -> bool:
    labels = load((run / "replay.safetensors").read_bytes())
    return any(bool((one != IGNORED).any()) for one in labels.values())


def test_a_run_with_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parent = nodule_model(tmp_path).path
    store = verified_store(tmp_path / "store", [2, 8, 14, 20, 26]).path
    run = ["finetune", str(parent), "--data", str(store), "--run", str(tmp_path / "run")]
    assert main([*run, "--steps", "3", "--replay", "0.5", "--device", "cpu"]) == 0
    assert (tmp_path / "run" / "replay.safetensors").stat().st_size > 0
    assert read_model(tmp_path / "run" / "model.safetensors").card.parent_sha256
    said = capsys.readouterr().out
    nothing = "Nothing is replayed, for there is no unlabelled frame of which parent can say"
    assert (nothing in said) == (not _sure_of_any(tmp_path / "run"))
    again = ["finetune", str(parent), "--data", str(store), "--run", str(tmp_path / "other")]
    assert main([*again, "--replay", "1.5"]) == 2
    assert "replay" in capsys.readouterr().err
