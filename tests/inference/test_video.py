"""Windows, and what is decided from them."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from mambaseg.inference.classes import labels_from_probabilities
from mambaseg.inference.video import clip_windows
from mambaseg.types.recipe import Recipe


@given(
    start=st.integers(0, 50),
    count=st.integers(1, 120),
    length=st.integers(1, 12),
    overlap=st.integers(0, 11),
)
def test_windows_cover_every_frame_and_overlap(
    start: int, count: int, length: int, overlap: int
) -> None:
    overlap = min(overlap, length - 1)
    frames = range(start, start + count)
    windows = clip_windows(frames, length, overlap)
    assert {len(w) for w in windows} == {min(length, count)}
    assert set().union(*windows) == set(frames)
    for a, b in pairwise(windows):
        assert a.start < b.start
        assert a.stop - b.start >= min(overlap, count - 1)


def _recipe(output: str) -> Recipe:
    return Recipe(
        network="vivim",
        channels=("intensity",),
        mean=(0.0,),
        std=(1.0,),
        spatial_size=(8, 8),
        labels={2: "a", 5: "b"},
        output=output,
        threshold=0.4,
    )


def test_sigmoid_takes_the_most_probable_class_above_the_threshold() -> None:
    p = torch.tensor([[0.39, 0.1], [0.4, 0.1], [0.5, 0.6], [0.0, 0.9]]).T[None, :, None]
    assert labels_from_probabilities(p, _recipe("sigmoid")).tolist() == [[[0, 2, 5, 5]]]


def test_softmax_has_the_background_first() -> None:
    p = torch.tensor([[0.5, 0.3, 0.2], [0.3, 0.4, 0.3], [0.1, 0.2, 0.7]]).T[None, :, None]
    labels = labels_from_probabilities(p, _recipe("softmax"))
    assert labels.tolist() == [[[0, 2, 5]]]
    assert labels.dtype == np.uint8


@pytest.mark.parametrize(("output", "channels"), [("sigmoid", 2), ("softmax", 3)])
def test_a_recipe_knows_its_networks_channels(output: str, channels: int) -> None:
    assert _recipe(output).out_channels == channels
