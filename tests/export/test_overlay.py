from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mambaseg.export import FrameComposer, OverlayStyle, overlay
from mambaseg.types import LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import UnsupportedImageError

RED, BLUE = (255, 0, 0), (0, 64, 200)
BARE_FILL = OverlayStyle(legend=False)
BARE_CONTOUR = OverlayStyle("contour", legend=False)

Clip = Callable[..., tuple[MedicalImage, Segmentation]]


@pytest.mark.parametrize("opacity", [0.0, 0.25, 0.4, 1.0])
def test_fill_mixes_colour_and_picture_and_leaves_the_background(
    make_clip: Clip, opacity: float
) -> None:
    image, segmentation = make_clip()
    picture = overlay(image, segmentation, OverlayStyle(opacity=opacity, legend=False), frame=2)
    under = np.moveaxis(np.asarray(image.array)[:, 2], 0, -1)
    labels = np.asarray(segmentation.labels)[2]
    assert picture.dtype == np.uint8
    assert picture.shape == (40, 60, 3)
    np.testing.assert_array_equal(picture[labels == 0], under[labels == 0])
    for value, color in ((1, RED), (3, BLUE)):
        mixed = np.rint((1 - opacity) * under[labels == value] + opacity * np.array(color))
        np.testing.assert_array_equal(picture[labels == value], mixed)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_contours_lie_inside_each_class_and_show_both_at_a_shared_edge(
    make_clip: Clip, width: int
) -> None:
    image, segmentation = make_clip()
    style = OverlayStyle("contour", contour_width=width, legend=False)
    picture = overlay(image, segmentation, style, frame=0)
    expected = np.moveaxis(np.asarray(image.array)[:, 0], 0, -1).copy()
    for top, bottom, color in ((4, 14, RED), (14, 20, BLUE)):
        inside = expected[top + width : bottom - width, 5 + width : 20 - width].copy()
        expected[top:bottom, 5:20] = color
        expected[top + width : bottom - width, 5 + width : 20 - width] = inside
    np.testing.assert_array_equal(picture, expected)


def test_the_picture_edge_is_no_boundary() -> None:
    image = MedicalImage(np.full((1, 10, 10), 90, np.uint8), "CYX")
    labels = np.zeros((10, 10), np.uint8)
    labels[:, :5] = 1
    classes = LabelSet.from_names({1: "left"})
    picture = overlay(image, Segmentation(labels, "YX", classes), BARE_CONTOUR)
    assert np.array_equal((picture != 90).any(axis=(0, 2)), np.arange(10) == 4)


@pytest.mark.parametrize("mode", ["fill", "contour"])
def test_values_that_are_no_class_are_not_painted(classes: LabelSet, mode: Any) -> None:
    labels = np.array([[4, 2, 255], [-1, 0, 1000]])
    image = MedicalImage(np.full((3, 2, 3), 50, np.uint8), "CYX", channel_names=("r", "g", "b"))
    style = OverlayStyle(mode, legend=False)
    assert (overlay(image, Segmentation(labels, "YX", classes), style) == 50).all()


def test_scale_repeats_labels_and_interpolates_the_picture(classes: LabelSet) -> None:
    ramp = np.arange(0, 200, 20, dtype=np.uint8)
    image = MedicalImage(np.tile(ramp, (1, 6, 1)), "CYX")
    labels = np.zeros((6, 10), np.uint8)
    labels[2:4, 3:6] = 1
    segmentation = Segmentation(labels, "YX", classes)
    filled = overlay(image, segmentation, OverlayStyle(opacity=1, legend=False, scale=3))
    assert filled.shape == (18, 30, 3)
    red = (filled == RED).all(axis=-1)
    np.testing.assert_array_equal(red, labels.repeat(3, 0).repeat(3, 1) == 1)
    assert len(np.unique(filled[0, :, 0])) > 20, "grey levels between those of the image"

    thin = overlay(image, segmentation, OverlayStyle("contour", legend=False, scale=3))
    assert (thin == RED).all(axis=-1).sum() == 2 * 9 + 2 * 4, "one pixel of the output wide"


def test_a_volume_is_drawn_by_its_z_slices_and_a_still_image_without_frame(
    classes: LabelSet,
) -> None:
    array = np.arange(3, dtype=np.uint8)[None, :, None, None] * np.full((1, 3, 8, 9), 50, np.uint8)
    labels = np.zeros((3, 8, 9), np.uint8)
    labels[1] = 1
    volume = MedicalImage(array, "CZYX"), Segmentation(labels, "ZYX", classes)
    assert (overlay(*volume, BARE_FILL, frame=2) == 100).all()
    assert (overlay(*volume, OverlayStyle(opacity=1, legend=False), frame=1) == RED).all()
    still = MedicalImage(array[:, 2], "CYX"), Segmentation(labels[0], "YX", classes)
    assert (overlay(*still, BARE_FILL) == 100).all()


def test_sixteen_bit_grey_has_one_window_for_all_frames(classes: LabelSet) -> None:
    noise = np.random.default_rng(1)
    array = noise.integers(1000, 1100, (1, 12, 20, 20)).astype(np.uint16)
    array[:, 6:] += 2000
    array[0, :, 0, 0] = 1050
    image = MedicalImage(array, "CTYX")
    segmentation = Segmentation(np.zeros((12, 20, 20), np.uint8), "TYX", classes)
    composer = FrameComposer(image, segmentation, BARE_FILL)
    pictures = [composer.compose(t) for t in range(12)]
    assert len({tuple(picture[0, 0]) for picture in pictures}) == 1
    assert pictures[0].max() < 20
    assert pictures[11][1:].min() > 230
    order = np.argsort(array[0, 0], axis=None, kind="stable")
    assert (np.diff(pictures[0][..., 0].ravel()[order].astype(int)) >= 0).all()


@pytest.mark.parametrize(
    ("array", "level"),
    [
        (np.full((1, 4, 4), 7.0, np.float32), 0),
        (np.full((1, 4, 4), np.nan, np.float32), 0),
        (np.full((1, 4, 4), -1000, np.int16), 0),
        (np.ones((1, 4, 4), bool), 0),
    ],
)
def test_even_or_missing_intensities_are_black(
    classes: LabelSet, array: np.ndarray, level: int
) -> None:
    segmentation = Segmentation(np.zeros((4, 4), np.uint8), "YX", classes)
    assert (overlay(MedicalImage(array, "CYX"), segmentation, BARE_FILL) == level).all()


def test_what_is_not_finite_does_not_spoil_the_window(classes: LabelSet) -> None:
    array = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    array[0, 0, :3] = np.nan, np.inf, -np.inf
    segmentation = Segmentation(np.zeros((8, 8), np.uint8), "YX", classes)
    picture = overlay(MedicalImage(array, "CYX"), segmentation, BARE_FILL)
    assert picture[0, :3, 0].tolist() == [0, 255, 0]
    assert picture[7, 7, 0] == 255
    assert 100 < picture[4, 0, 0] < 150


def test_several_channels_that_are_no_colours_show_the_first(classes: LabelSet) -> None:
    array = np.stack([np.full((5, 5), level, np.uint8) for level in (10, 20, 30, 40)])
    image = MedicalImage(array, "CYX", channel_names=("t1", "t1c", "t2", "flair"))
    segmentation = Segmentation(np.zeros((5, 5), np.uint8), "YX", classes)
    assert (overlay(image, segmentation, BARE_FILL) == 10).all()


def test_two_calls_give_the_same_bytes_and_leave_the_input_alone(make_clip: Clip) -> None:
    image, segmentation = make_clip(height=240, width=320)
    before = np.asarray(image.array).copy()
    first = overlay(image, segmentation, frame=1)
    assert first.tobytes() == overlay(image, segmentation, frame=1).tobytes()
    assert first.tobytes() == FrameComposer(image, segmentation).compose(1).tobytes()
    np.testing.assert_array_equal(image.array, before)


def test_only_the_asked_frame_of_a_lazy_mask_is_read(lazy_clip: Clip) -> None:
    image, segmentation = lazy_clip(500)
    composer = FrameComposer(image, segmentation)
    assert len(image.array.frames_read) <= 8, "a few frames for the grey window"
    image.array.frames_read.clear()
    composer.compose(321)
    assert image.array.frames_read == [321]
    assert segmentation.labels.frames_read == [321]


def test_shapes_that_differ_are_told(make_clip: Clip) -> None:
    image, _ = make_clip(frames=4)
    _, shorter = make_clip(frames=3)
    with pytest.raises(UnsupportedImageError) as error:
        overlay(image, shorter, frame=0)
    assert str(error.value) == (
        "clip.mp4 and its mask do not fit: the image is TYX 4 x 40 x 60, the mask TYX 3 x 40 x 60. "
        "Use the mask that was made from this image."
    )


def test_axes_that_differ_are_told(make_clip: Clip, classes: LabelSet) -> None:
    image, segmentation = make_clip()
    slices = Segmentation(segmentation.labels, "ZYX", classes)
    with pytest.raises(UnsupportedImageError, match="the mask ZYX 4 x 40 x 60"):
        overlay(image, slices, frame=0)


def test_a_video_of_volumes_is_refused(classes: LabelSet) -> None:
    image = MedicalImage(np.zeros((1, 2, 3, 4, 5), np.uint8), "CTZYX", source="heart.nrrd")
    segmentation = Segmentation(np.zeros((2, 3, 4, 5), np.uint8), "TZYX", classes)
    with pytest.raises(UnsupportedImageError, match=r"^heart\.nrrd is a video of volumes"):
        overlay(image, segmentation, frame=0)


def test_a_film_without_frames_is_refused(classes: LabelSet) -> None:
    image = MedicalImage(np.zeros((1, 0, 4, 5), np.uint8), "CTYX")
    segmentation = Segmentation(np.zeros((0, 4, 5), np.uint8), "TYX", classes)
    with pytest.raises(UnsupportedImageError, match="holds no pixels"):
        overlay(image, segmentation, frame=0)


@pytest.mark.parametrize("frame", [-1, 4, 100])
def test_a_frame_that_does_not_exist_is_refused(make_clip: Clip, frame: int) -> None:
    with pytest.raises(UnsupportedImageError, match=f"has 4 frames.* {frame} was asked.* 0 to 3"):
        overlay(*make_clip(), frame=frame)


def test_a_video_needs_a_frame(make_clip: Clip) -> None:
    with pytest.raises(UnsupportedImageError, match=r"clip\.mp4 is a video.*say which frame"):
        overlay(*make_clip())


def test_real_stills_keep_their_background(shared: Path) -> None:
    folder = shared / "data" / "usgra_seg"
    classes = LabelSet.from_names({1: "nerve", 2: "vessel"})
    for name in ("0000.png", "0005.png"):
        still = np.asarray(Image.open(folder / "images" / name).convert("RGB"))
        labels = np.asarray(Image.open(folder / "masks" / name))
        image = MedicalImage(np.moveaxis(still, -1, 0), "CYX", channel_names=("r", "g", "b"))
        picture = overlay(image, Segmentation(labels, "YX", classes), BARE_FILL)
        np.testing.assert_array_equal(picture[labels == 0], still[labels == 0])
        assert (picture[labels > 0] != still[labels > 0]).any(axis=-1).mean() > 0.99
