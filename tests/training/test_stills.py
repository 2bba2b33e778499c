"""Still images as training data: reading, the split, and the motion that makes clips of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models import small_recipe
from PIL import Image
from pydantic import ValidationError

from mambaseg.data.datasets.look_alikes import group_look_alikes
from mambaseg.training import train
from mambaseg.training.clips import RandomClips
from mambaseg.training.labelled_set import OpenSet
from mambaseg.training.motion import moving_clip
from mambaseg.training.splitting import hold_out_groups
from mambaseg.types.augmentation import Augmentation
from mambaseg.types.errors import DataSetError, TrainingError, UnsupportedImageError
from mambaseg.types.recipe import Recipe
from mambaseg.types.training_config import TrainingConfig
from mambaseg.types.training_data import LabelledSet

SIZE = (40, 48)
STILLS = LabelledSet(path=".", held_out=0.3, look_alike=0.9)


def recipe(**changes: Any) -> Recipe:
    given = {"channels": ("grey",), "mean": (0.5,), "std": (0.25,), "labels": {1: "disc"}}
    return small_recipe(**{**given, "spatial_size": SIZE, **changes})


def disc(x: float, radius: float = 8) -> np.ndarray:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return ((rows - 20) ** 2 + (columns - x) ** 2 < radius**2).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten images of noise; 0 and 1, and 2 to 4, are all but the same."""
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    same_as = {1: 0, 3: 2, 4: 2}
    noise: dict[int, np.ndarray] = {}
    for i in range(10):
        fresh = random.integers(0, 120, SIZE, dtype=np.uint8)
        noise[i] = noise[same_as[i]] if i in same_as else fresh
        mask = disc(10 + 3 * i)
        image = noise[i] + (fresh % 8) + (100 if i == 9 else 10) * disc(24)
        Image.fromarray(image.astype(np.uint8)).save(tmp_path / "images" / f"{i:02}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{i:02}.png")
    return tmp_path


def test_look_alikes_stay_on_one_side(folder: Path) -> None:
    sides = set()
    for seed in range(20):
        held_out = set(OpenSet.open(STILLS, recipe(), folder, seed).held_out)
        assert 1 <= len(held_out) <= 3
        for group in ({0, 1}, {2, 3, 4}):
            assert held_out.isdisjoint(group) or group <= held_out
        sides.add(frozenset(held_out))
    assert len(sides) > 5  # the seed decides
    assert OpenSet.open(STILLS, recipe(), folder, 3).held_out == tuple(
        sorted(OpenSet.open(STILLS, recipe(), folder, 3).held_out)
    )


def test_likeness_goes_through_others() -> None:
    """A is like B and B like C, so all three are one group, though A and C differ."""
    a, c = torch.rand(2, 1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    groups = group_look_alikes([x.flatten().numpy() for x in (a, (a + c) / 2, c, 1 - a)], 0.6)
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_no_more_is_held_out_than_asked_for() -> None:
    groups = np.array([0, 0, 0, 0, 0, 1, 2, 3, 3, 4], np.int32)
    for seed in range(30):
        assert 1 <= len(hold_out_groups(groups, 0.2, seed)) <= 2


def test_training_and_scored_frames_share_nothing(folder: Path) -> None:
    stills = OpenSet.open(STILLS, recipe(), folder, 0)
    tensors = stills.training_tensors()
    scored = list(stills.scored())
    assert len(tensors) + len(scored) == 10
    frames, labels = tensors[-1]
    assert frames.shape == labels.shape == (1, 1, *SIZE)
    number = max(set(range(10)) - set(stills.held_out))
    assert torch.equal(labels[0, 0], torch.from_numpy(disc(10 + 3 * number)).float())
    for case, number in zip(scored, stills.held_out, strict=True):
        assert case.image.source.endswith(f"{number:02}.png")
        assert np.array_equal(case.reference.labels[0], disc(10 + 3 * number))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"path": "nowhere"}, DataSetError, "There is no folder .*nowhere"),
        ({"path": "images"}, DataSetError, "is no data set of a known layout: not nnU-Net"),
        ({"held_out": 0.01}, TrainingError, "None of the 10 cases .* can be held out"),
    ],
    ids=["folder", "empty", "split"],
)
def test_what_is_missing_is_named(
    folder: Path, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        OpenSet.open(STILLS.model_copy(update=change), recipe(), folder, 0)


def test_masks_that_do_not_fit_are_refused(folder: Path) -> None:
    with pytest.raises(TrainingError, match=r"00.png holds the values \[1\], but the Recipe's"):
        OpenSet.open(STILLS, recipe(labels={2: "other"}), folder, 0)
    Image.fromarray(disc(24)[:30]).save(folder / "masks" / "05.png")
    with pytest.raises(DataSetError, match="images/05.png is 40 x 48, but .*05.png is 30 x 48"):
        OpenSet.open(STILLS, recipe(), folder, 0)
    Image.new("RGB", SIZE[::-1]).save(folder / "masks" / "05.png")
    with pytest.raises(UnsupportedImageError, match="05.png is an image of mode RGB"):
        OpenSet.open(STILLS, recipe(), folder, 0)


def test_images_that_do_not_fit_are_refused(folder: Path) -> None:
    with pytest.raises(UnsupportedImageError, match="channels"):
        four = recipe(channels=tuple("abcd"), mean=(0.5,) * 4, std=(1.0,) * 4)
        Image.new("RGB", SIZE[::-1]).save(folder / "images" / "00.png")
        OpenSet.open(STILLS, four, folder, 0)


@pytest.mark.parametrize("change", [{"held_out": 1}, {"look_alike": 1.5}, {"image": "x"}])
def test_a_configuration_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LabelledSet.model_validate({**STILLS.model_dump(), **change})


def test_motion_is_smooth_and_the_mask_goes_along() -> None:
    ramp = torch.linspace(0, 1, 64).expand(64, 64)[None, None]
    mask = (ramp > 0.5).float()
    length, motion = 9, 0.1
    for seed in range(5):
        random = np.random.default_rng(seed)
        frames, labels = moving_clip(ramp, mask, length, motion, random)
        assert frames.shape == labels.shape == (1, length, 64, 64)
        assert set(labels.unique().tolist()) <= {0.0, 1.0}
        # The ramp is worth its place, so that its change is the displacement.
        moved = frames - ramp
        assert moved.abs().max() <= 2.2 * motion
        assert (frames[:, 1:] - frames[:, :-1]).abs().max() < 0.1 * 2.2
        clear = (frames - 0.5).abs() > 0.02
        assert torch.equal((frames > 0.5)[clear], (labels > 0.5)[clear])
    still, _ = moving_clip(ramp, mask, 3, 0.0, np.random.default_rng(0))
    torch.testing.assert_close(still, ramp.expand(1, 3, 64, 64), atol=1e-5, rtol=0)


def test_a_still_becomes_a_clip_that_moves(folder: Path) -> None:
    chosen = recipe(clip_length=4)
    tensors = OpenSet.open(STILLS, chosen, folder, 0).training_tensors()
    nothing = Augmentation(
        rotation_deg=0, scale=0, translation=0, contrast=1, brightness=0, noise=0, blur=0,
        motion=0.1,
    )  # fmt: skip
    clips = RandomClips(tensors, chosen, nothing, length=6, seed=0)
    for frames, labels in (clips[i] for i in range(6)):
        assert frames.shape == labels.shape == (4, 1, *SIZE)
        assert not torch.equal(frames[0], frames[3])
        assert labels.unique().tolist() == [0, 1]


@pytest.mark.slow
def test_training_on_stills_scores_the_held_out_images(folder: Path) -> None:
    config = TrainingConfig.model_validate(
        {
            "name": "discs",
            "recipe": recipe(clip_length=2, clip_overlap=0).model_dump(),
            "data": [STILLS.model_dump()],
            "budget": {"steps": 2},
        }
    )
    model = train(config, folder / "discs.safetensors", folder=folder, device="cpu")
    held_out = len(OpenSet.open(STILLS, config.recipe, folder, config.seed).held_out)
    ((name, value),) = model.card.scores.items()
    assert name.startswith(f"disc: mean Dice on {held_out} held-out images")
    assert 0 <= value <= 1
