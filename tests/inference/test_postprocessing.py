"""What is done to labels: thresholds, holes, pieces, sizes and flicker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models import PICTURES, VOLUMES

from mambaseg.inference.classes import labels_from_probabilities
from mambaseg.inference.postprocessing import FramePostProcessor, ShapeRules, recipe_with
from mambaseg.inference.temporal_median import TemporalMedian
from mambaseg.types.errors import InvalidOptionError
from mambaseg.types.postprocessing import PostProcessing
from mambaseg.types.recipe import Recipe

RGB = {"channels": ("red", "green", "blue")}
REGIONS: dict[str, Any] = {
    **VOLUMES,
    "output": {
        "form": "regions",
        "regions": [
            {"name": "whole", "classes": [1, 2], "value": 2},
            {"name": "core", "classes": [1], "value": 1},
        ],
        "painted": ["whole", "core"],
    },
}


def recipe(content: dict[str, Any], **rules: Any) -> Recipe:
    return Recipe.model_validate({**RGB, **content, "postprocessing": rules})


def applied(
    labels: np.ndarray, content: dict[str, Any], spacing: Any = None, **rules: Any
) -> np.ndarray:
    given_to = labels.copy()
    found = ShapeRules.of(recipe(content, **rules), spacing, "a.nii").apply(labels)
    np.testing.assert_array_equal(labels, given_to)
    return found


def test_the_largest_piece_of_each_class() -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[2:6, 2:6, 2:6] = 1
    labels[6, 6, 6] = 1  # touches by a corner
    labels[10:12, 10:12, 10:12] = 1
    labels[15:18, 15:18, 15:18] = 2
    labels[1, 18, 18] = 2
    found = applied(labels, VOLUMES, largest_component=True)
    assert found[6, 6, 6] == 1
    assert not found[10:12].any()
    assert found[1, 18, 18] == 0
    assert (found == 2).sum() == 27
    found = applied(labels, VOLUMES, largest_component=("edge",))
    assert (found == 1).sum() == (labels == 1).sum()
    assert (found == 2).sum() == 27


def test_a_region_is_taken_together() -> None:
    labels = np.zeros((8, 20, 20), np.uint8)
    labels[2:6, 2:6, 2:4] = 2
    labels[2:6, 2:6, 4:6] = 1  # the core, one piece with the edge
    labels[2:4, 12:15, 12:15] = 1
    found = applied(labels, REGIONS, largest_component=("whole",))
    np.testing.assert_array_equal(found[:, :, :10], labels[:, :, :10])
    assert not found[:, :, 10:].any()


def test_holes() -> None:
    labels = np.zeros((12, 12), np.uint8)
    labels[2:10, 2:10] = 1
    labels[5:7, 5:7] = 0
    labels[9, 5] = 0  # a bay is no hole
    found = applied(labels, PICTURES, fill_holes=True)
    assert (found[5:7, 5:7] == 1).all()
    assert found[9, 5] == 0
    two = np.zeros((8, 8, 8), np.uint8)
    two[1:7, 1:7, 1:7] = 1
    two[3, 3, 3] = 2
    two[4, 4, 4] = 0
    found = applied(two, VOLUMES, fill_holes=("core",))
    assert (found[3, 3, 3], found[4, 4, 4]) == (2, 1)


@pytest.mark.parametrize(
    ("size", "spacing", "kept"),
    [
        ({"value": 9, "unit": "pixels"}, None, True),
        ({"value": 10, "unit": "pixels"}, None, False),
        ({"value": 2.25, "unit": "mm2"}, (0.5, 0.5), True),
        ({"value": 2.26, "unit": "mm2"}, (0.5, 0.5), False),
    ],
)
def test_small_pieces(size: Any, spacing: Any, kept: bool) -> None:
    labels = np.zeros((30, 30), np.uint8)
    labels[2:5, 2:5] = 1
    labels[10:20, 10:20] = 1
    found = applied(labels, PICTURES, spacing, minimum_size=size)
    assert (found[3, 3] == 1) == kept
    assert (found[10:20, 10:20] == 1).all()


def test_small_pieces_of_a_volume_by_millilitres() -> None:
    labels = np.zeros((10, 30, 30), np.uint8)
    labels[2:4, 2:7, 2:7] = 2  # 50 voxels of 20 mm^3: 1 ml
    for value, left in ((0.99, 50), (1.01, 0)):
        found = applied(
            labels, VOLUMES, (5.0, 2.0, 2.0), minimum_size={"value": value, "unit": "ml"}
        )
        assert np.count_nonzero(found) == left


@pytest.mark.parametrize(("content", "unit"), [(PICTURES, "mm2"), (VOLUMES, "ml")])
def test_sizes_need_a_spacing(content: dict[str, Any], unit: str) -> None:
    rules = recipe(content, minimum_size={"value": 5, "unit": unit})
    with pytest.raises(InvalidOptionError, match=rf"5 {unit} .* spacing of a.png is unknown"):
        ShapeRules.of(rules, None, "a.png")


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"largest_component": ("lesion",)}, "'lesion' is none of core, edge"),
        ({"thresholds": {"lesion": 0.3}}, "'lesion' is none of core, edge"),
        ({"minimum_size": {"value": 5, "unit": "mm2"}}, "in voxels or ml, not 5 mm2"),
    ],
)
def test_rules_that_do_not_fit_the_model(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        recipe_with(recipe(VOLUMES), PostProcessing.model_validate(rules))
    with pytest.raises(ValueError, match=message):
        recipe(VOLUMES, **rules)


def test_regions_have_thresholds_by_their_own_names() -> None:
    assert recipe(REGIONS, thresholds={"whole": 0.3}).postprocessing.thresholds == {"whole": 0.3}
    with pytest.raises(ValueError, match="'edge' is none of whole, core"):
        recipe(REGIONS, thresholds={"edge": 0.3})


def decided(content: dict[str, Any], *probabilities: float, **rules: Any) -> int:
    x = torch.tensor(probabilities)[None, :, None, None]
    return int(labels_from_probabilities(x, recipe(content, **rules))[0, 0, 0])


def test_thresholds_of_softmax() -> None:
    lower = {"thresholds": {"core": 0.3}}
    assert decided(VOLUMES, 0.6, 0.35, 0.05) == 0
    assert decided(VOLUMES, 0.6, 0.35, 0.05, **lower) == 1
    assert decided(VOLUMES, 0.2, 0.35, 0.45, **lower) == 2  # the most probable of those that count
    assert decided(VOLUMES, 0.4, 0.32, 0.28, **lower) == 1
    assert decided(VOLUMES, 0.3, 0.6, 0.1, thresholds={"core": 0.7}) == 0
    assert decided(VOLUMES, 0.1, 0.6, 0.3, thresholds={"core": 0.7}) == 2


def test_thresholds_of_sigmoid_and_regions() -> None:
    two = {**PICTURES, "labels": {1: "nerve", 3: "vessel"}}
    assert decided(two, 0.4, 0.3) == 0
    assert decided(two, 0.4, 0.3, thresholds={"vessel": 0.25}) == 3
    assert decided(two, 0.6, 0.3, thresholds={"vessel": 0.25}) == 1
    assert decided(REGIONS, 0.4, 0.1) == 0
    assert decided(REGIONS, 0.4, 0.1, thresholds={"whole": 0.35}) == 2
    assert decided(REGIONS, 0.9, 0.6, thresholds={"core": 0.7}) == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_thresholds_that_change_nothing(seed: int) -> None:
    x = torch.from_numpy(np.random.default_rng(seed).dirichlet((1, 1), 50).astype(np.float32))
    one = {**VOLUMES, "labels": {1: "core"}}
    plain = labels_from_probabilities(x[..., None], recipe(one))
    half = labels_from_probabilities(x[..., None], recipe(one, thresholds={"core": 0.5}))
    np.testing.assert_array_equal(plain, half)


def in_portions(labels: np.ndarray, window: int, sizes: list[int], start: int = 0) -> np.ndarray:
    median = TemporalMedian(window, (1, 2))
    given_back, place = [], 0
    for size in [*sizes, len(labels) - sum(sizes)]:
        given_back += list(median.push(start + place, labels[place : place + size]))
        place += size
    given_back += list(median.finish())
    starts = [first for first, _ in given_back]
    lengths = [len(part) for _, part in given_back]
    assert starts == [start + n for n in np.cumsum([0, *lengths[:-1]])]
    return np.concatenate([part for _, part in given_back])


def test_a_median_over_frames_equals_scipy_inside() -> None:
    from scipy.ndimage import median_filter

    labels = np.random.default_rng(0).integers(0, 2, (20, 6, 7)).astype(np.uint8)
    found = in_portions(labels, 5, [4, 1, 1, 7], start=100)
    np.testing.assert_array_equal(found[2:-2], median_filter(labels, (5, 1, 1))[2:-2])
    np.testing.assert_array_equal(found[[0, -1]], labels[[0, -1]])


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 12),
    st.sampled_from([1, 3, 5, 7]),
    st.lists(st.integers(0, 4), max_size=6),
    st.integers(0, 99),
)
def test_portions_do_not_matter(frames: int, window: int, sizes: list[int], seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, (frames, 2, 3)).astype(np.uint8)
    sizes = [size for n, size in enumerate(sizes) if size and sum(sizes[: n + 1]) <= frames]
    if sum(sizes) == frames:
        sizes = sizes[:-1]
    np.testing.assert_array_equal(
        in_portions(labels, window, sizes), in_portions(labels, window, [])
    )


def test_frames_apart_do_not_smooth_each_other() -> None:
    median = TemporalMedian(3, (1,))
    ones, zeros = np.ones((3, 1, 1), np.uint8), np.zeros((3, 1, 1), np.uint8)
    found = [*median.push(0, ones), *median.push(5, zeros), *median.finish()]
    labels = {start + n: int(frame[0, 0]) for start, part in found for n, frame in enumerate(part)}
    assert labels == {0: 1, 1: 1, 2: 1, 5: 0, 6: 0, 7: 0}


def test_frames_are_mended_one_by_one_after_the_median() -> None:
    rules = ShapeRules.of(recipe(PICTURES, largest_component=True), None, "")
    frames = np.zeros((5, 10, 10), np.uint8)
    frames[:, 2:6, 2:6] = 1
    frames[:, 8, 8] = 1
    frames[2, 2:6, 2:6] = 0  # flickers
    processor = FramePostProcessor(rules, window=3)
    found = [*processor.push(0, frames[:3]), *processor.push(3, frames[3:]), *processor.finish()]
    labels = np.concatenate([part for _, part in found])
    assert (labels[:, 2:6, 2:6] == 1).all()
    assert not labels[:, 8, 8].any()


def test_an_even_window_is_refused() -> None:
    with pytest.raises(ValueError, match="must be odd, not 4"):
        PostProcessing(temporal_median=4)
