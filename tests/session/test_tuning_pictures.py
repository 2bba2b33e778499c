"""Pictures of held-out frames, from near."""

from __future__ import annotations

import numpy as np
import pytest

from mambaseg.session.tuning_pictures import paint_view
from mambaseg.training.held_out_views import HeldOutView
from mambaseg.types import LabelSet

CLASSES = LabelSet.from_names({1: "a", 2: "b"})


def view(truth: np.ndarray, **masks: np.ndarray) -> HeldOutView:
    grey = np.full((*truth.shape, 3), 100, np.uint8)
    return HeldOutView("case", 3, grey, truth, masks, {})


def block(y: int, x: int, value: int = 1) -> np.ndarray:
    mask = np.zeros((120, 160), np.uint8)
    mask[y : y + 20, x : x + 20] = value
    return mask


def colours(picture: np.ndarray | None) -> set[tuple[int, ...]]:
    assert picture is not None
    return {tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()}


def test_masks_are_tinted_and_the_truth_is_outlined_in_white() -> None:
    both = view(block(20, 20), before=block(60, 100, 2), now=block(20, 20))
    old, new = (paint_view(both, CLASSES, stage, (64, 48)) for stage in ("before", "now"))
    assert old is not None
    assert old.shape == (48, 64, 3)
    white, grey = (255, 255, 255), (100, 100, 100)
    tints = [
        tuple(np.rint(0.55 * 100 + 0.45 * np.array(one.rgb)).astype(int).tolist())
        for one in CLASSES.classes
    ]
    assert colours(old) == {white, grey, tints[1]}
    assert colours(new) == {white, grey, tints[0]}
    assert paint_view(both, CLASSES, "kept", (64, 48)) is None


@pytest.mark.parametrize("corner", [(0, 0), (100, 140), (50, 70)])
def test_all_stages_show_the_same_part_from_near(corner: tuple[int, int]) -> None:
    close = view(block(*corner), before=block(*corner), now=np.zeros((120, 160), np.uint8))
    old, empty = (paint_view(close, CLASSES, stage, (80, 60)) for stage in ("before", "now"))
    assert old is not None
    assert empty is not None
    inside = (old != 100).any(axis=2)
    assert inside.mean() > 0.1, "20 of 120 rows would be 2 %"
    assert (100, 100, 100) in colours(old)
    assert (0, 0, 0) not in colours(old), "nothing beside the frame is shown"
    outline = (empty == 255).all(axis=2)
    assert inside[outline].all()


def test_a_frame_without_any_mask_is_shown_as_a_whole() -> None:
    nothing = np.zeros((120, 160), np.uint8)
    picture = paint_view(view(nothing, now=nothing), CLASSES, "now", (80, 60))
    assert colours(picture) == {(100, 100, 100)}
