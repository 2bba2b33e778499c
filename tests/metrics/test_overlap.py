"""Measures of overlap against their formulas."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from monai.metrics import compute_dice, compute_iou

from mambaseg.metrics import evaluate
from mambaseg.types import LabelSet, Segmentation
from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError

LABELS = LabelSet.from_names({1: "nerve", 2: "vessel"})


def _masks(labels: np.ndarray, axes: str = "TYX") -> Segmentation:
    return Segmentation(labels, axes, LABELS)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_equals_the_formulas(data: st.DataObject) -> None:
    masks = hnp.arrays(np.uint8, (2, 3, 4), elements=st.integers(0, 2))
    found, true = data.draw(masks), data.draw(masks)
    rows = evaluate(_masks(found), _masks(true))
    assert len(rows) == 2 * 2 * 4
    for row in rows:
        value = {"nerve": 1, "vessel": 2}[row.class_name]
        p, r = found[row.frame] == value, true[row.frame] == value
        both, either = (p & r).sum(), (p | r).sum()
        numerator, denominator = {
            "Dice": (2 * both, p.sum() + r.sum()),
            "Jaccard": (both, either),
            "Precision": (both, p.sum()),
            "Recall": (both, r.sum()),
        }[row.measure]
        empty = 0.0 if either else 1.0
        assert row.value == pytest.approx(numerator / denominator if denominator else empty)


def test_equals_monai() -> None:
    random = np.random.default_rng(0)
    found, true = (random.integers(0, 3, (4, 9, 9)) for _ in range(2))
    for row in evaluate(_masks(found), _masks(true)):
        value = {"nerve": 1, "vessel": 2}[row.class_name]
        pair = [torch.from_numpy(m[row.frame] == value)[None, None] for m in (found, true)]
        expected = {"Dice": compute_dice, "Jaccard": compute_iou}.get(row.measure)
        if expected:
            assert row.value == pytest.approx(float(expected(*pair)))


def test_what_is_not_annotated_does_not_count() -> None:
    true = np.array([[[1, 2, 3, 3]], [[3, 3, 3, 3]], [[1, 1, 0, 0]]], np.uint8)
    found = np.array([[[1, 1, 1, 2]], [[1, 1, 1, 1]], [[1, 1, 0, 0]]], np.uint8)
    rows = {
        (r.frame, r.class_name, r.measure): r.value for r in evaluate(_masks(found), _masks(true))
    }
    assert {frame for frame, _, _ in rows} == {0, 2}
    assert rows[0, "nerve", "Precision"] == 0.5
    assert rows[0, "nerve", "Recall"] == 1
    assert rows[0, "vessel", "Dice"] == 0
    assert rows[2, "vessel", "Recall"] == 1


def test_chosen_frames_and_still_images() -> None:
    clip = _masks(np.ones((5, 2, 2), np.uint8))
    assert {row.frame for row in evaluate(clip, clip, frames=[1, 4])} == {1, 4}
    still = _masks(np.ones((2, 2), np.uint8), "YX")
    assert {row.frame for row in evaluate(still, still)} == {None}


def test_masks_of_different_images() -> None:
    with pytest.raises(UnsupportedImageError, match=r"\(2, 3, 4\).*\(2, 3, 5\)"):
        evaluate(_masks(np.zeros((2, 3, 4), int)), _masks(np.zeros((2, 3, 5), int)))


@pytest.mark.parametrize("frame", [-1, 5])
def test_frames_that_do_not_exist(frame: int) -> None:
    clip = _masks(np.ones((5, 2, 2), np.uint8))
    with pytest.raises(InvalidOptionError, match="the masks have 0 to 4"):
        evaluate(clip, clip, frames=[0, frame])
