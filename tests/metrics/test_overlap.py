"""Dice and Jaccard against their formulas."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

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
    assert len(rows) == 2 * 2 * 2
    for row in rows:
        value = {"nerve": 1, "vessel": 2}[row.class_name]
        p, r = found[row.frame] == value, true[row.frame] == value
        both, either = (p & r).sum(), (p | r).sum()
        expected = {"Dice": (2 * both, p.sum() + r.sum()), "Jaccard": (both, either)}[row.measure]
        assert row.value == pytest.approx(expected[0] / expected[1] if expected[1] else 1.0)


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
