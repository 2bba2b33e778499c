from __future__ import annotations

import numpy as np
import pytest

from mambaseg.export import OverlayStyle, overlay
from mambaseg.export.legend import Legend
from mambaseg.types import LabelSet, MedicalImage, Segmentation

LONG = {1: "left ventricular myocardium of the posterolateral wall, " * 4}
MANY = {value: f"organ number {value}" for value in range(1, 60)}
TWO = {1: "nerve", 2: "vessel"}
SIZES = [(240, 320), (512, 534), (60, 80), (33, 400), (400, 33), (720, 960)]


@pytest.mark.parametrize("names", [TWO, LONG, MANY])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_panel_stays_in_its_quarter_and_changes_nothing_outside(
    names: dict[int, str], height: int, width: int
) -> None:
    legend = Legend(LabelSet.from_names(names), height, width)
    rows, columns = legend.box
    assert height / 2 <= rows.start <= rows.stop <= height or rows.start == rows.stop
    assert 0 <= columns.start <= columns.stop <= width / 2
    before = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = before.copy()
    legend.draw_on(picture)
    outside = np.ones((height, width), bool)
    outside[legend.box] = False
    np.testing.assert_array_equal(picture[outside], before[outside])


def test_overlay_draws_the_panel_and_nothing_else() -> None:
    array = np.random.default_rng(4).integers(0, 256, (1, 240, 320), dtype=np.uint8)
    classes = LabelSet.from_names(TWO)
    image = MedicalImage(array, "CYX")
    segmentation = Segmentation(np.zeros((240, 320), np.uint8), "YX", classes)
    with_legend = overlay(image, segmentation)
    without = overlay(image, segmentation, OverlayStyle(legend=False))
    changed = (with_legend != without).any(axis=-1)
    rows, columns = Legend(classes, 240, 320).box
    ys, xs = np.nonzero(changed)
    assert rows.start <= ys.min() <= ys.max() < rows.stop
    assert columns.start <= xs.min() <= xs.max() < columns.stop
    assert changed.mean() < 0.03, "a small picture stays visible"


def test_swatches_show_the_exact_colours_beside_white_names_on_a_dark_ground() -> None:
    classes = LabelSet.from_names(TWO)
    picture = np.full((240, 320, 3), 255, np.uint8)
    legend = Legend(classes, 240, 320)
    legend.draw_on(picture)
    panel = picture[legend.box]
    for label in classes.classes:
        assert (panel == label.rgb).all(axis=-1).sum() >= 8 * 8
    assert (panel > 225).all(axis=-1).sum() > 60, "strokes of the letters"
    corner = panel[0, 0]
    assert len(set(corner.tolist())) == 1
    assert 60 < corner[0] < 140, "half-transparent black on white"


def test_text_grows_with_the_picture() -> None:
    classes = LabelSet.from_names(TWO)
    small, large = (Legend(classes, height, 4 * height // 3).box for height in (320, 960))
    growth = (large[0].stop - large[0].start) / (small[0].stop - small[0].start)
    assert growth == pytest.approx(3, rel=0.1)


def test_long_names_end_at_the_same_place_and_short_ones_cover_less() -> None:
    def columns(name: str) -> int:
        box = Legend(LabelSet.from_names({1: name}), 240, 320).box
        return box[1].stop - box[1].start

    assert columns("nerve") < columns("left ventricle") < columns(LONG[1]) <= 160
    assert columns(LONG[1]) > 120


def test_classes_without_room_are_counted_in_one_more_line() -> None:
    picture = np.zeros((240, 320, 3), np.uint8)
    legend = Legend(LabelSet.from_names(MANY), 240, 320)
    legend.draw_on(picture)
    panel = picture[legend.box]
    colorful = np.ptp(panel.astype(int), axis=-1) > 60
    last_line = panel.shape[0] * 6 // 7
    assert colorful[:last_line].any()
    assert not colorful[last_line:].any(), "the last line has words and no swatch"
    assert panel[last_line:].max() > 200


def test_names_with_line_breaks_accents_and_foreign_letters_keep_to_one_line() -> None:
    def panel(name: str) -> bytes:
        picture = np.zeros((240, 320, 3), np.uint8)
        Legend(LabelSet.from_names({1: name}), 240, 320).draw_on(picture)
        return picture.tobytes()

    assert panel("été\n  d'artère") == panel("ete d'artere")
    assert panel("心") == panel("?")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 16), (20, 600), (600, 20)])
def test_a_picture_too_small_for_words_gets_no_panel(height: int, width: int) -> None:
    picture = np.full((height, width, 3), 9, np.uint8)
    Legend(LabelSet.from_names(TWO), height, width).draw_on(picture)
    assert (picture == 9).all()
