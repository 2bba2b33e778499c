"""What was not verified, or is held out, teaches nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from models import small_recipe
from verified import NODULE, disc_film, verified_store

from mambaseg.corrections import Store
from mambaseg.training.clips import RandomClips
from mambaseg.training.module import SegmentationModule
from mambaseg.training.split import split_frames
from mambaseg.training.stored_case import open_cases, windows_around
from mambaseg.training.targets import IGNORED, masked_target
from mambaseg.types.augmentation import Augmentation
from mambaseg.types.optimization import Optimization
from mambaseg.zoo import build_network

RECIPE = small_recipe(clip_length=3, clip_overlap=1)


def test_windows_join_where_they_touch() -> None:
    assert windows_around([], 2, 20) == []
    assert windows_around([0, 4, 12], 2, 14) == [range(7), range(10, 14)]
    assert windows_around([3, 8], 2, 20) == [range(1, 11)]
    assert windows_around([3, 9], 2, 20) == [range(1, 6), range(7, 12)]


def test_only_training_frames_have_labels(tmp_path: Path) -> None:
    store = verified_store(tmp_path, [4, 12, 20])
    (case,) = store.cases()
    split = split_frames({case: [4, 12, 20]}, {case: [12]})
    (clip,) = open_cases(store, split, RECIPE)
    tensors = clip.training_tensors(RECIPE)
    assert [frames.shape for frames, _ in tensors] == [(3, 5, 32, 40)] * 2
    for _, labels in tensors:
        known = (labels != IGNORED).flatten(2).any(2)[0]
        assert known.tolist() == [False, False, True, False, False]
        assert labels[0, 2].unique().tolist() == [0, 1]


def test_every_sample_has_a_labelled_frame_and_augmentation_invents_none(tmp_path: Path) -> None:
    store = verified_store(tmp_path, [4, 20])
    (case,) = store.cases()
    (clip,) = open_cases(store, split_frames({case: [4, 20]}, {}), RECIPE)
    data = RandomClips(
        clip.training_tensors(RECIPE), RECIPE, Augmentation(rotation_deg=40), length=40, seed=0
    )
    places = set()
    for _, labels in data:
        known = (labels != IGNORED).flatten(1).any(1)
        assert known.sum() == 1
        assert (labels[~known] == IGNORED).all()
        places.add(int(known.nonzero()))
    assert places == {0, 1, 2}


def test_pixels_that_a_mask_ignores_stay_ignored(tmp_path: Path) -> None:
    film, masks = disc_film()
    labels = np.array(masks.labels)
    labels[4, :24] = NODULE.ignore
    store = Store(tmp_path)
    case = store.verify(film, replace(masks, labels=labels), [4])
    (clip,) = open_cases(store, split_frames({case: [4]}, {}), RECIPE)
    ((_, tensor),) = clip.training_tensors(RECIPE)
    assert (tensor[0, 2, :16] == IGNORED).all()
    assert (tensor[0, 2, 16:] != IGNORED).all()


def test_a_frame_without_labels_changes_no_loss() -> None:
    module = SegmentationModule(build_network(RECIPE), RECIPE, Optimization()).eval()
    frames = torch.rand(1, 3, 3, 32, 40)
    labels = torch.full((1, 3, 1, 32, 40), IGNORED)
    labels[:, 1] = (torch.rand(1, 1, 32, 40) > 0.5).float()
    loss = module.training_step((frames, labels), 0)
    logits = module.network(frames)[:, 1]
    assert torch.allclose(loss, module.loss(logits, *masked_target(labels[:, 1], RECIPE)))
