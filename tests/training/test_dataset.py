"""What training samples are made of."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import layouts
import numpy as np
import pytest
import torch
from models import small_recipe
from torch.utils.data import DataLoader, Dataset

from mambaseg.training.augmentation import clip_augmentation
from mambaseg.training.clips import RandomClips
from mambaseg.training.fitting import as_one_sentence
from mambaseg.training.labelled_clip import OpenClip
from mambaseg.training.labelled_set import OpenSet
from mambaseg.types.augmentation import Augmentation
from mambaseg.types.errors import TrainingError
from mambaseg.types.recipe import Recipe
from mambaseg.types.training_data import LabelledClip, LabelledSet

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
ECHO = LabelledClip(
    image="sample:echo",
    labels="echo_left_ventricle.json",
    train_frames=(2, 9),
    held_out_frames=(12, 15),
)


def echo_recipe(**changes: Any) -> Recipe:
    return small_recipe(**{"labels": {1: "left ventricle"}, **changes})


NONE = Augmentation(
    rotation_deg=0, scale=0, translation=0, contrast=1, brightness=0, noise=0, blur=0
)


@pytest.fixture(scope="module")
def echo() -> tuple[torch.Tensor, torch.Tensor]:
    recipe = echo_recipe(spatial_size=(60, 80))
    (tensors,) = OpenClip.open(ECHO, recipe, SAMPLE_DATA).training_tensors()
    return tensors


def test_only_training_frames_are_loaded(echo: tuple[torch.Tensor, torch.Tensor]) -> None:
    frames, labels = echo
    assert frames.shape == (3, 7, 60, 80)
    assert labels.shape == (1, 7, 60, 80)
    assert 0 <= frames.min() < frames.max() <= 1
    assert labels.unique().tolist() == [0, 1]


def test_without_augmentation_a_sample_is_a_piece_of_the_clip(
    echo: tuple[torch.Tensor, torch.Tensor],
) -> None:
    recipe = small_recipe(spatial_size=(60, 80), clip_length=3, clip_overlap=0)
    clips = RandomClips([echo], recipe, NONE, length=12, seed=0)
    frames, labels = echo
    pieces = {}
    for start in range(5):
        for flip in (False, True):
            order = torch.arange(start, start + 3)
            order = order.flip(0) if flip else order
            pieces[start, flip] = (
                ((frames[:, order] - 0.5) / 0.25).transpose(0, 1),
                labels[0, order],
            )
    seen = set()
    for x, y in clips:
        key = next(
            k
            for k, (a, b) in pieces.items()
            if torch.allclose(a, x, atol=1e-4) and torch.equal(b, y[:, 0])
        )
        seen.add(key)
    assert len(seen) > 4
    assert {flip for _, flip in seen} == {False, True}


def test_samples_depend_on_the_seed_alone(echo: tuple[torch.Tensor, torch.Tensor]) -> None:
    recipe = small_recipe(spatial_size=(60, 80))

    def sample(seed: int) -> torch.Tensor:
        return RandomClips([echo], recipe, Augmentation(), length=4, seed=seed)[2][0]

    assert torch.equal(sample(1), sample(1))
    assert not torch.equal(sample(1), sample(2))


def test_labels_move_with_the_frames_and_time_does_not_blur() -> None:
    """Frames that are their own label, lit in frame 1 only, stay so through augmentation."""
    square = torch.zeros(1, 4, 40, 50)
    square[:, 1, 10:30, 15:35] = 1
    still = NONE.model_copy(update={"rotation_deg": 40.0, "scale": 0.3, "translation": 0.2})
    augment = clip_augmentation(still, (40, 50))
    moved = 0
    for seed in range(8):
        augment.set_random_state(seed=seed)
        sample = augment({"image": square, "labels": square})
        assert not sample["image"][:, [0, 2, 3]].any()
        assert ((sample["image"] > 0.5) == (sample["labels"] > 0.5)).float().mean() > 0.98
        moved += not torch.equal(sample["labels"], square)
    assert moved > 4


CONTENT = json.loads((SAMPLE_DATA / "echo_left_ventricle.json").read_text())


@pytest.mark.parametrize(
    ("labels", "clip", "message"),
    [
        ({"image_size": [200, 320]}, {}, r"drawn on frames of \(200, 320\)"),
        ({"image_sha256": "0" * 64}, {}, "drawn on another file"),
        ({"labels": [{"value": 1, "name": "aorta"}]}, {}, "holds the classes {1: 'aorta'}"),
        (
            {"frames": [f for f in CONTENT["frames"] if f["index"] not in (4, 5)]},
            {},
            r"no labels on the training frames \[4, 5\]",
        ),
        (
            {"frames": [f for f in CONTENT["frames"] if f["index"] < 12]},
            {},
            "no labels on any held-out frame",
        ),
        ({}, {"held_out_frames": (20, 40)}, "held_out_frames .* are 20 to 39, but it has"),
        (
            {},
            {"train_frames": (20, 40), "held_out_frames": (1, 4)},
            "train_frames .* are 20 to 39, but it has",
        ),
    ],
    ids=["size", "file", "names", "unlabelled", "no-reference", "held-out-range", "train-range"],
)
def test_labels_that_do_not_fit_are_refused_before_any_training(
    tmp_path: Path, labels: dict[str, Any], clip: dict[str, Any], message: str
) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({**CONTENT, **labels}))
    changed = ECHO.model_copy(update={"labels": "labels.json", **clip})
    with pytest.raises(TrainingError, match=message):
        OpenClip.open(changed, echo_recipe(), tmp_path)


def test_the_sample_outlines_fit_the_sample_clip() -> None:
    """The cavity is darker than the wall around it, in every frame."""
    recipe = echo_recipe(spatial_size=(240, 320))
    clip = OpenClip.open(ECHO, recipe, SAMPLE_DATA)
    ((frames, labels),) = dataclasses.replace(clip, training=range(30)).training_tensors()
    grey, mask = frames.mean(0).numpy(), labels[0].numpy() > 0
    for t in range(30):
        grown = torch.nn.functional.max_pool2d(labels[:, t : t + 1], 15, 1, 7)[0, 0].numpy() > 0
        rim = grown & ~mask[t]
        assert np.median(grey[t][mask[t]]) < 0.75 * np.mean(grey[t][rim])


def test_a_recording_on_both_sides_of_the_split_is_named(tmp_path: Path) -> None:
    layouts.clips(tmp_path, cases=2)
    for name in ("", "_GT"):
        shutil.copytree(tmp_path / f"Train{name}/0001", tmp_path / f"Test{name}/0001")
    with pytest.raises(TrainingError, match="0001 of .* is on both sides.*or give it another name"):
        OpenSet.open(LabelledSet(path="."), small_recipe(labels={1: "class 1"}), tmp_path, 0)


class _Damaged(Dataset[int]):
    def __getitem__(self, index: int) -> int:
        raise TrainingError("p1.png cannot be read: mend it.")

    def __len__(self) -> int:
        return 4


def test_what_a_process_of_the_loader_cannot_read_is_said_in_one_sentence() -> None:
    with pytest.raises(TrainingError, match="Traceback") as caught:
        next(iter(DataLoader(_Damaged(), num_workers=1)))
    said = as_one_sentence(caught.value)
    assert isinstance(said, TrainingError)
    assert str(said) == "p1.png cannot be read: mend it."
    assert as_one_sentence(said) is said
