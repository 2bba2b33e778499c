"""Scale bar, time, and two pictures side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mambaseg.export import FrameComposer, OverlayStyle, overlay
from mambaseg.export.marks import round_length
from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError

Clip = Callable[..., tuple[MedicalImage, Segmentation]]
BARE = OverlayStyle(legend=False)
NODULE = LabelSet.from_names({1: "nodule"})


def grey(spacing: float | None = 0.5, frames: int = 3, rate: float = 20.0) -> MedicalImage:
    """A clip of 160 x 240 pixels that is dark grey all over."""
    array = np.full((1, frames, 160, 240), 40, np.uint8)
    times = tuple(t / rate for t in range(frames))
    mm = None if spacing is None else (0.8, spacing)
    return MedicalImage(array, "CTYX", Geometry(mm, frame_times_s=times))


def empty(image: MedicalImage) -> Segmentation:
    return Segmentation(np.zeros(image.array.shape[1:], np.uint8), "TYX", NODULE)


@pytest.mark.parametrize(
    ("longest", "expected"),
    [(0.37, 0.2), (0.99, 0.5), (1.0, 1.0), (4.9, 2.0), (5.0, 5.0), (37.0, 20.0), (1234.0, 1000.0)],
)
def test_lengths_are_round(longest: float, expected: float) -> None:
    assert round_length(longest) == pytest.approx(expected)


@pytest.mark.parametrize(("spacing", "scale"), [(0.5, 1), (0.31, 1), (0.31, 3), (2.0, 2)])
def test_the_bar_is_as_long_as_it_says(spacing: float, scale: int) -> None:
    image = grey(spacing)
    composer = FrameComposer(
        image, empty(image), OverlayStyle(legend=False, scale=scale, scale_bar=True)
    )
    length = composer.scale_bar_mm
    assert length is not None
    white = (composer.compose(1) == 255).all(axis=-1)
    rows, columns = np.nonzero(white)
    lowest = columns[rows == rows.max()]
    n_pixels = lowest.max() - lowest.min() + 1
    assert n_pixels == pytest.approx(length / spacing * scale, abs=0.51)
    assert white[rows.max()].sum() == n_pixels, "one bar without gaps"
    assert n_pixels <= 240 * scale / 4


def test_without_a_spacing_there_is_no_bar() -> None:
    image = grey(None)
    composer = FrameComposer(image, empty(image), replace(BARE, scale_bar=True))
    assert composer.scale_bar_mm is None
    np.testing.assert_array_equal(composer.compose(0), overlay(image, empty(image), BARE, frame=0))


def test_the_time_is_that_of_the_frame_and_stands_still() -> None:
    image = grey()
    style = replace(BARE, time_stamp=True)
    pictures = [overlay(image, empty(image), style, frame=t) for t in range(3)]
    changed = [(picture != 40).any(axis=-1) for picture in pictures]
    boxes = [
        (rows.min(), rows.max(), columns.min(), columns.max())
        for rows, columns in map(np.nonzero, changed)
    ]
    assert len(set(boxes)) == 1
    assert boxes[0][1] < 40, "in the upper right corner"
    assert boxes[0][2] > 120
    assert not np.array_equal(pictures[0], pictures[1])
    unknown = replace(image, geometry=Geometry())
    assert (overlay(unknown, empty(unknown), style, frame=0) == 40).all()


@pytest.mark.parametrize("size", [(1, 3), (12, 200), (200, 12), (30, 30)])
def test_a_picture_without_room_has_no_marks_and_no_harm(size: tuple[int, int]) -> None:
    array = np.full((1, 2, *size), 40, np.uint8)
    image = MedicalImage(array, "CTYX", Geometry((0.5, 0.5), frame_times_s=(0.0, 0.1)))
    mask = empty(image)
    for layout in ("overlay", "beside", "before_after"):
        style = OverlayStyle(layout=layout, scale_bar=True, time_stamp=True)  # type: ignore[arg-type]
        composer = FrameComposer(image, mask, style, mask)
        assert composer.compose(1).shape == (*composer.size, 3)


def test_beside_shows_the_bare_image_on_the_left(make_clip: Clip) -> None:
    image, mask = make_clip()
    style = OverlayStyle(legend=False, scale=2)
    picture = overlay(image, mask, replace(style, layout="beside"), frame=2)
    alone = overlay(image, mask, style, frame=2)
    height, width, _ = alone.shape
    assert picture.shape == (height, 2 * width + 4, 3)
    np.testing.assert_array_equal(picture[:, -width:], alone)
    bare = overlay(image, mask, replace(style, opacity=0.0), frame=2)
    np.testing.assert_array_equal(picture[:, :width], bare)


def test_before_and_after_show_both_masks(make_clip: Clip) -> None:
    image, after = make_clip(height=160, width=240)
    before = replace(after, labels=np.roll(np.asarray(after.labels), 60, axis=2))
    style = replace(BARE, layout="before_after")
    picture = overlay(image, after, style, frame=1, before=before)
    for pane, mask in ((picture[:, :240], before), (picture[:, -240:], after)):
        alone = overlay(image, mask, BARE, frame=1)
        np.testing.assert_array_equal(pane[30:], alone[30:])
        assert not np.array_equal(pane[:30, :120], alone[:30, :120]), "titles on top"
    with pytest.raises(InvalidOptionError, match="two masks, and there is one"):
        FrameComposer(image, after, style)
    small = Segmentation(np.zeros((4, 8, 8), np.uint8), "TYX", after.label_set)
    with pytest.raises(UnsupportedImageError, match="do not fit"):
        FrameComposer(image, after, style, small)
