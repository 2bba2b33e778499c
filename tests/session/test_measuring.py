"""Tables and curves of measures, and the plots of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from verified import NODULE, disc_film

from mambaseg.metrics import evaluate
from mambaseg.metrics.ranking import Ranked
from mambaseg.session import Canvas, Comparison, Curve, draw_curves, draw_run, measure
from mambaseg.session.worst_pictures import picture_of
from mambaseg.types import MedicalImage, Segmentation
from mambaseg.types.errors import UnsupportedImageError


@pytest.fixture
def pair() -> Comparison:
    true = np.asarray(disc_film(6)[1].labels)
    return Comparison(np.roll(true, 3, axis=1), true, NODULE)


def test_lines_and_means_are_those_of_the_rows(pair: Comparison) -> None:
    found = measure(pair)
    rows = evaluate(
        Segmentation(pair.prediction, "TYX", NODULE), Segmentation(pair.reference, "TYX", NODULE)
    )
    assert list(found.rows) == rows
    assert found.n_frames == 6
    assert found.measures == ["Dice", "Jaccard", "Precision", "Recall"]
    for line in found.lines:
        for name, value in line.values.items():
            assert value == next(
                r.value for r in rows if (r.frame, r.measure) == (line.frame, name)
            )
    (mean,) = found.means()
    dice = [row.value for row in rows if row.measure == "Dice"]
    assert mean.values["Dice"] == pytest.approx(np.mean(dice))
    assert found.curve("nodule", "Dice") == ([0, 1, 2, 3, 4, 5], dice)


def test_frames_are_left_out_and_leave_a_gap(pair: Comparison) -> None:
    found = measure(replace(pair, leave_out=frozenset({0, 3})))
    assert found.n_frames == 4
    frames, values = found.curve("nodule", "Recall")
    assert frames == [1, 2, 3, 4, 5]
    assert [math.isnan(value) for value in values] == [False, False, True, False, False]
    with pytest.raises(UnsupportedImageError, match="no frame to measure"):
        measure(replace(pair, leave_out=frozenset(range(6))))


def test_masks_without_names_get_a_class_per_value(pair: Comparison) -> None:
    found = measure(replace(pair, label_set=None))
    assert {line.class_name for line in found.lines} == {"class 1"}
    with pytest.raises(UnsupportedImageError, match="Renumber"):
        big = np.full((1, 2, 2), 300, np.uint16)
        measure(Comparison(big, big, None))


def test_a_still_image_has_one_line_per_class(pair: Comparison) -> None:
    found = measure(Comparison(pair.prediction[0], pair.reference[0], NODULE))
    assert [line.frame for line in found.lines] == [None]


def test_masks_of_two_clips_are_refused(pair: Comparison) -> None:
    with pytest.raises(UnsupportedImageError, match="along t 4 and 6: compare masks of one image"):
        measure(replace(pair, prediction=pair.prediction[:4]))


def test_plots_are_drawn_in_the_colours_given_and_know_their_places() -> None:
    canvas = Canvas(300, 200, 2.0, "#102030", "#ffffff")
    curve = Curve("nodule", "#ff0000", [0, 1, 2, 3], [0.5, float("nan"), 0.7, 0.9])
    drawing = draw_curves(canvas, [curve], "Dice", marker=2)
    assert drawing.pixels.shape == (400, 600, 4)
    assert tuple(drawing.pixels[0, 0, :3]) == (0x10, 0x20, 0x30)
    red = (drawing.pixels[..., :3] == (255, 0, 0)).all(axis=2)
    assert red.any()
    assert drawing.x_at(0.0) is None
    middle = drawing.x_at((drawing.left + drawing.right) / 2)
    assert middle == pytest.approx(1.5)
    empty = draw_run(canvas, [], [], None, {})
    full = draw_run(
        canvas,
        [(1, 0.9), (60, 0.2)],
        [(60, {"nodule": 0.8})],
        {"nodule": 0.3},
        {"nodule": "#ff0000"},
    )
    assert not np.array_equal(empty.pixels, full.pixels)


def test_pictures_of_a_report_are_black_where_text_about_the_patient_may_stand(
    pair: Comparison,
) -> None:
    true = Segmentation(pair.reference, "TYX", NODULE)
    shape = (1, *true.labels.shape)
    box = (4, 6, shape[2] - 8, shape[3] - 10)
    image = MedicalImage(np.full(shape, 90, np.uint8), "CTYX", region=box)
    pixels = picture_of(true, true, image, Ranked("", 2, {}, "")).pixels
    inside = np.zeros(shape[2:], bool)
    inside[box[0] : box[2], box[1] : box[3]] = True
    assert not pixels[~inside].any()
    assert pixels[inside].any(axis=-1).all()
