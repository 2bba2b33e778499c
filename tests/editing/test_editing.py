"""Masks cleaned up, blended, and carried along motion that is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage

from mambaseg.editing import (
    agreement,
    fill_holes,
    grow,
    half_way,
    interpolate,
    keep_largest,
    propagate,
    shrink,
    smooth,
    with_locked,
)
from mambaseg.types.errors import InvalidOptionError

TOOLS = [grow, shrink, smooth, fill_holes, keep_largest]


def disc(centre: tuple[float, float], radius: float, size: int = 64) -> NDArray[np.uint8]:
    y, x = np.mgrid[:size, :size]
    return (np.hypot(y - centre[0], x - centre[1]) <= radius).astype(np.uint8)


def dice(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(2 * ((a > 0) & (b > 0)).sum() / ((a > 0).sum() + (b > 0).sum()))


@pytest.mark.parametrize("tool", TOOLS)
@given(labels=arrays(np.uint8, (9, 11), elements=st.integers(0, 3)))
def test_other_classes_stay(tool: Any, labels: NDArray[np.uint8]) -> None:
    before, found = labels.copy(), tool(labels, 2)
    np.testing.assert_array_equal(labels, before)
    assert found.dtype == labels.dtype
    for value in (1, 3):
        np.testing.assert_array_equal(found == value, labels == value)
    changed = found != labels
    assert set(np.unique(labels[changed])) <= {0, 2}


@given(
    before=arrays(np.uint8, (5, 6), elements=st.integers(0, 3)),
    wanted=arrays(np.int64, (5, 6), elements=st.integers(0, 3)),
    locked=st.sets(st.integers(1, 3)),
)
def test_a_locked_class_stays_and_nothing_else_does(
    before: NDArray[np.uint8], wanted: NDArray[np.int64], locked: set[int]
) -> None:
    found = with_locked(before, wanted, locked)
    assert found.dtype == before.dtype
    for value in locked:
        np.testing.assert_array_equal(found == value, before == value)
    free = ~np.isin(before, list(locked)) & ~np.isin(wanted, list(locked))
    np.testing.assert_array_equal(found[free], wanted[free])


def test_growing_and_shrinking_move_the_outline_by_the_radius() -> None:
    mask = 2 * disc((32, 32), 10)
    assert abs((grow(mask, 2, 3) == 2).sum() - np.pi * 13**2) < 40
    assert abs((shrink(mask, 2, 3) == 2).sum() - np.pi * 7**2) < 40
    assert not shrink(mask, 2, 20).any()


def test_a_spike_is_smoothed_away_and_the_disc_stays() -> None:
    mask = disc((32, 32), 12)
    spiked = mask.copy()
    spiked[31:33, 40:60] = 1
    found = smooth(spiked, 1, 2.0)
    assert not found[:, 50:].any()
    assert dice(found, mask) > 0.97


def test_holes_are_filled_but_for_other_classes() -> None:
    ring = disc((32, 32), 12) - disc((32, 32), 6)
    assert fill_holes(ring, 1).sum() == disc((32, 32), 12).sum()
    kept = ring + 2 * disc((32, 32), 2)
    assert (fill_holes(kept, 1) == 2).sum() == disc((32, 32), 2).sum()


@pytest.mark.parametrize("shape", [(64, 64), (3, 64, 64)])
def test_the_largest_part_is_kept(shape: tuple[int, ...]) -> None:
    labels = np.zeros(shape, np.uint8)
    labels[..., 5:9, 5:9] = labels[..., 20:40, 20:40] = 1
    found = keep_largest(labels, 1)
    assert not found[..., :15, :15].any()
    assert (found[..., 20:40, 20:40] == 1).all()


def test_a_disc_that_grows_is_half_grown_half_way() -> None:
    (middle,) = interpolate(disc((32, 32), 8), disc((32, 32), 16), 1)
    assert dice(middle, disc((32, 32), 12)) > 0.98
    assert middle.dtype == np.uint8


def test_a_class_that_ends_does_so_half_way() -> None:
    before = disc((32, 32), 9) + 2 * disc((10, 10), 5)
    masks = interpolate(before, disc((32, 32), 9), 3)
    assert [(mask == 2).any() for mask in masks] == [True, False, False]
    assert all(dice(mask == 1, disc((32, 32), 9)) > 0.99 for mask in masks)


def moving_texture(length: int, size: int = 96) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """A clip (T, C, Y, X) whose tissue moves along an arc, and the true masks of a disc in it."""
    random = np.random.default_rng(3)
    texture = ndimage.gaussian_filter(random.normal(size=(size, size)), 3)
    texture = 120 + 60 * texture / texture.std()
    mask = disc((48, 40), 14, size)
    frames, masks = [], []
    for number in range(length):
        way = (8 * np.sin(number / 4), 1.5 * number)
        frames.append(ndimage.shift(texture, way, order=1, mode="reflect")[None])
        masks.append(ndimage.shift(mask, way, order=0))
    return np.stack(frames), np.stack(masks)


def test_masks_follow_the_motion() -> None:
    clip, true = moving_texture(13)
    found = dict(propagate(clip.__getitem__, {0: true[0]}, range(13)))
    assert list(found) == list(range(1, 13))
    scores = [dice(mask, true[frame]) for frame, mask in found.items()]
    assert min(scores) > 0.85
    assert dice(true[0], true[12]) < 0.5
    between = dict(propagate(clip.__getitem__, {0: true[0], 12: true[12]}, range(4, 9)))
    assert list(between) == list(range(4, 9))
    assert min(dice(mask, true[frame]) for frame, mask in between.items()) > 0.9


def test_each_class_follows_and_both_sides_are_reached() -> None:
    clip, true = moving_texture(9)
    two = true + 2 * np.stack([ndimage.shift(mask, (24, 20), order=0) for mask in true])
    two[two > 2] = 2
    found = dict(propagate(clip.__getitem__, {4: two[4]}, range(9)))
    assert list(found) == [0, 1, 2, 3, 5, 6, 7, 8]
    for value in (1, 2):
        assert min(dice(mask == value, two[n] == value) for n, mask in found.items()) > 0.8


def test_a_still_clip_keeps_its_mask() -> None:
    clip = np.repeat(moving_texture(1)[0], 4, axis=0)
    mask = 3 * disc((40, 50), 11, 96).astype(np.uint8)
    for _, found in propagate(clip.__getitem__, {0: mask}, range(4)):
        np.testing.assert_array_equal(found, mask)


def test_where_the_motion_misleads_the_shapes_are_blended() -> None:
    random = np.random.default_rng(5)
    noise = ndimage.gaussian_filter(random.normal(size=(9, 1, 96, 96)), (0, 0, 3, 3))
    known = {0: disc((40, 40), 16, 96), 4: disc((46, 44), 14, 96), 8: disc((52, 48), 12, 96)}
    found = dict(propagate(noise.__getitem__, known, range(9)))
    for frame, blended in enumerate(interpolate(known[4], known[8], 3), 5):
        np.testing.assert_array_equal(found[frame], blended)


def test_where_the_motion_leads_it_is_followed() -> None:
    clip, true = moving_texture(13)
    known = {frame: true[frame] for frame in (0, 6, 12)}
    found = dict(propagate(clip.__getitem__, known, range(13)))
    shapes = interpolate(true[0], true[6], 5)
    for frame in range(1, 6):
        assert dice(found[frame], true[frame]) > dice(shapes[frame - 1], true[frame])


def test_what_cannot_be_carried_is_said() -> None:
    clip, true = moving_texture(3)
    with pytest.raises(InvalidOptionError, match="No frame has a mask"):
        list(propagate(clip.__getitem__, {}, range(3)))
    with pytest.raises(InvalidOptionError, match=r"frame 0 has the shape \(5, 5\)"):
        list(propagate(clip.__getitem__, {0: true[0][:5, :5]}, range(3)))
    with pytest.raises(InvalidOptionError, match="cannot be blended"):
        interpolate(true[0], true[0][:5], 1)


@given(*[arrays(np.uint8, (9, 11), elements=st.integers(0, 3))] * 2)
def test_agreement_is_the_dice_of_all_classes(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> None:
    size = (a > 0).sum() + (b > 0).sum()
    both = sum(((a == value) & (b == value)).sum() for value in (1, 2, 3))
    assert agreement(a, b) == pytest.approx(2 * both / size if size else 1)


def test_outlines_move_half_the_way() -> None:
    found = half_way(disc((32, 32), 10), disc((32, 32), 20))
    np.testing.assert_array_equal(found, disc((32, 32), 15))
    assert found.dtype == np.uint8
    shifted = half_way(disc((32, 26), 12), disc((32, 34), 12))
    assert dice(shifted, disc((32, 30), 11)) > 0.95


def test_what_lies_elsewhere_moves_no_outline() -> None:
    mask = disc((16, 16), 10)
    np.testing.assert_array_equal(half_way(mask, disc((16, 33), 10)), mask)
    np.testing.assert_array_equal(half_way(mask, disc((48, 48), 4)), mask)
    both = np.maximum(disc((16, 20), 10), disc((52, 52), 6))
    np.testing.assert_array_equal(half_way(mask, both), half_way(mask, disc((16, 20), 10)))


def test_a_class_that_one_mask_lacks_is_as_in_the_first() -> None:
    mask, other = 2 * disc((16, 16), 8), disc((48, 48), 8)
    np.testing.assert_array_equal(half_way(mask, other), mask)
    np.testing.assert_array_equal(half_way(mask, 0 * other), mask)
    assert not half_way(0 * mask, other).any()
