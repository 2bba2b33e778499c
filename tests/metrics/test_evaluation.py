"""Frames, cases, classes and grids; and the sentences for masks that do not fit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import brute_force
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from mambaseg.metrics import ALL_CLASSES, MEASURES, MeasureOptions, Row, evaluate
from mambaseg.types import Geometry, LabelSet, Segmentation
from mambaseg.types.errors import Cancelled, InvalidOptionError, UnsupportedImageError

ONE = LabelSet.from_names({1: "lesion"})
TWO = LabelSet.from_names({1: "nerve", 2: "vessel"})
ALL = tuple(MEASURES)


def masks(labels: Any, axes: str, label_set: LabelSet = ONE, **geometry: Any) -> Segmentation:
    return Segmentation(np.asarray(labels), axes, label_set, Geometry(**geometry))


def value(rows: list[Row], measure: str, frame: int | None = None, name: str = "lesion") -> float:
    (found,) = (
        r.value for r in rows if (r.measure, r.frame, r.class_name) == (measure, frame, name)
    )
    return found


def discs(n_frames: int = 6, shift: int = 2) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:20, :24]
    true = np.stack([(y - 10) ** 2 + (x - 8 - t) ** 2 < 30 for t in range(n_frames)])
    return np.roll(true, shift, 1).astype(np.uint8), true.astype(np.uint8)


def test_a_clip_as_a_whole_is_the_mean_of_its_frames() -> None:
    found, true = discs()
    found[3] = 0
    options = MeasureOptions(ALL, levels=("frame", "case"))
    spaced = {"spacing_mm": (0.5, 0.5)}
    clip = [masks(m, "TYX", **spaced) for m in (found, true)]
    rows = evaluate(*clip, options=options, case="clip 7")
    assert {row.case for row in rows} == {"clip 7"}
    for measure in ("Dice", "HD95", "NSD", "Area error"):
        frames = [value(rows, measure, t) for t in range(6)]
        assert value(rows, measure) == pytest.approx(np.mean(frames))
    assert value(rows, "TP") == np.sum((found == 1) & (true == 1))
    units = {row.measure: row.unit for row in rows}
    assert units["HD95"] == "mm"
    assert units["Area error"] == "mm²"
    assert units["NSD"] == "at 2 mm"
    assert "Volume error" not in units


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_temporal_consistency_equals_its_formula(seed: int, gaps: bool) -> None:
    random = np.random.default_rng(seed)
    found, true = random.integers(0, 2, (2, 5, 3, 3))
    if gaps:
        true[2] = 2
    rows = evaluate(
        masks(found, "TYX"),
        masks(true, "TYX"),
        options=MeasureOptions(["Temporal consistency", "TP"], levels=("case",)),
    )
    steps = [
        abs(
            brute_force.overlap_measures(found[t] == 1, found[t + 1] == 1)["Jaccard"]
            - brute_force.overlap_measures(true[t] == 1, true[t + 1] == 1)["Jaccard"]
        )
        for t in range(4)
        if not (gaps and t in (1, 2))
    ]
    assert value(rows, "Temporal consistency") == pytest.approx(1 - np.mean(steps))


def test_slices_of_a_volume_and_the_volume() -> None:
    found, true = discs()
    volume = [masks(m, "ZYX", spacing_mm=(3.0, 0.5, 0.5)) for m in (found, true)]
    rows = evaluate(*volume, options=MeasureOptions(ALL, levels=("frame", "case")))
    flat = evaluate(
        *[masks(m[4], "YX", spacing_mm=(0.5, 0.5)) for m in (found, true)],
        options=MeasureOptions(ALL),
    )
    assert [replace(r, frame=None) for r in rows if r.frame == 4] == flat
    assert rows[-1].frame is None
    assert value(rows, "Volume error") == abs(int(found.sum()) - int(true.sum())) * 0.75 / 1000
    assert {row.unit for row in rows if row.measure == "Volume error"} == {"ml"}
    middle = evaluate(*volume, frames=[2, 3], options=MeasureOptions(ALL))
    assert value(middle, "TP") == np.sum((found[2:4] == 1) & (true[2:4] == 1))


def test_units_follow_what_is_known() -> None:
    found, true = discs(1)
    plain = [masks(m[0], "YX") for m in (found, true)]
    spaced = masks(true[0], "YX", spacing_mm=(0.5, 0.5))
    surface = MeasureOptions(["HD", "NSD", "Area error"], tolerance=1.5)
    rows = evaluate(*plain, options=surface)
    assert {row.measure: row.unit for row in rows} == {
        "HD": "px",
        "NSD": "at 1.5 px",
        "Area error": "px",
    }
    half = evaluate(plain[0], spaced, options=surface)
    assert value(half, "HD") == value(rows, "HD") / 2
    assert evaluate(plain[0], spaced, options=replace(surface, unit="px")) == rows
    with pytest.raises(UnsupportedImageError, match="neither mask knows its spacing"):
        evaluate(*plain, options=replace(surface, unit="mm"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"spacing_mm": (1.0, 0.5, 0.55)},
            r"spacing of the prediction along x is 0.55 mm .* 0.5 mm, \+10 %",
        ),
        (
            {"origin_mm": (0.0, 2.0, 0.0)},
            r"origin of the prediction along the patient's y is 2 mm .*, \+2 mm",
        ),
        ({"direction": (-1.0, 0, 0, 0, 1, 0, 0, 0, 1)}, "differ by up to 2"),
    ],
)
def test_grids_that_differ(change: Any, said: str) -> None:
    known = {
        "spacing_mm": (1.0, 0.5, 0.5),
        "origin_mm": (0.0, 0.0, 0.0),
        "direction": (1.0, 0, 0, 0, 1, 0, 0, 0, 1),
    }
    labels = np.ones((2, 3, 4), np.uint8)
    pair = [masks(labels, "ZYX", **{**known, **change}), masks(labels, "ZYX", **known)]
    with pytest.raises(UnsupportedImageError, match=said) as told:
        evaluate(*pair)
    assert "resampled" in str(told.value)
    assert evaluate(masks(labels, "ZYX"), pair[1])  # what is not known is not compared


def test_shapes_that_differ_are_resampled_on_request() -> None:
    true = np.zeros((12, 16), np.uint8)
    true[3:9, 4:12] = 1
    small = masks(true[::2, ::2], "YX")
    with pytest.raises(UnsupportedImageError, match="along y 6 and 12; along x 8 and 16"):
        evaluate(small, masks(true, "YX"))
    rows = evaluate(small, masks(true, "YX"), options=MeasureOptions(resample=True))
    assert value(rows, "Dice") > 0.8

    y, x = np.mgrid[:40, :40]
    block = np.repeat(((y - 20) ** 2 + (x - 20) ** 2 < 150)[None], 4, 0).astype(np.uint8)
    placed = {"direction": (1.0, 0, 0, 0, 1, 0, 0, 0, 1)}
    reference = masks(block, "ZYX", spacing_mm=(1, 0.5, 0.5), origin_mm=(0, 0, 0), **placed)
    # The same place in the patient, seen by a scan that begins 5 elements later and is turned.
    cut = block[:, :, 5:][:, ::-1]
    turned = {"direction": (1.0, 0, 0, 0, -1, 0, 0, 0, 1)}
    other = masks(cut, "ZYX", spacing_mm=(1, 0.5, 0.5), origin_mm=(2.5, 19.5, 0), **turned)
    rows = evaluate(other, reference, options=MeasureOptions(resample=True))
    assert value(rows, "Dice") == 1


def test_classes() -> None:
    labels = np.array([[0, 1, 2, 2]], np.uint8)
    two, one = masks(labels, "YX", TWO), masks(np.minimum(labels, 1), "YX", ONE)
    with pytest.raises(UnsupportedImageError, match=r"the prediction lacks 2 \(vessel\)"):
        evaluate(one, two)
    with pytest.raises(UnsupportedImageError, match=r"the reference lacks 2 \(vessel\)"):
        evaluate(two, one)
    swapped = LabelSet.from_names({1: "vessel", 2: "nerve"})
    with pytest.raises(UnsupportedImageError, match="name them differently"):
        evaluate(replace(two, label_set=swapped), two)
    with pytest.raises(UnsupportedImageError, match="prediction holds the values 7, 9, but"):
        evaluate(masks([[0, 7, 9, 2]], "YX", TWO), two)
    # Files of other programs name no classes, and may lack one by chance.
    nameless = [
        masks(m, "YX", LabelSet.from_names({v: f"class {v}" for v in np.unique(m) if v}))
        for m in (np.array([[0, 1, 1, 1]]), np.array([[0, 1, 3, 3]]))
    ]
    assert {row.class_name for row in evaluate(*nameless)} == {"class 1", "class 3"}
    assert {row.class_name for row in evaluate(nameless[0], two)} == {"nerve", "vessel"}
    with pytest.raises(UnsupportedImageError, match="reference holds the value 3, which is no"):
        evaluate(two, nameless[1])
    chosen = evaluate(two, two, options=MeasureOptions(classes=("vessel",)))
    assert {row.class_name for row in chosen} == {"vessel"}
    with pytest.raises(InvalidOptionError, match="no class cyst; the masks have nerve, vessel"):
        evaluate(two, two, options=MeasureOptions(classes=("cyst",)))


@pytest.mark.parametrize(("enhancing", "other"), [(4, 2), (3, 2)])
def test_brats_regions(enhancing: int, other: int) -> None:
    random = np.random.default_rng(0)
    found, true = (random.choice([0, 1, other, enhancing], (4, 5, 6)) for _ in range(2))
    nameless = LabelSet.from_names({v: f"class {v}" for v in (1, 2, 3, 4)})
    pair = [masks(m, "ZYX", nameless) for m in (found, true)]
    rows = evaluate(*pair, options=MeasureOptions(ALL, regions="brats"))
    for region, values in (("WT", (1, 2, 3, 4)), ("TC", (1, enhancing)), ("ET", (enhancing,))):
        expected = brute_force.overlap_measures(np.isin(found, values), np.isin(true, values))
        for measure, number in expected.items():
            assert value(rows, measure, name=region) == pytest.approx(number)
    assert ALL_CLASSES not in {row.class_name for row in rows}  # regions lie in one another


def test_brats_masks_that_are_coded_differently() -> None:
    nameless = LabelSet.from_names({v: f"class {v}" for v in (1, 2, 3, 4)})
    old, new = (masks([[[1, 2, v]]], "ZYX", nameless) for v in (4, 3))
    options = MeasureOptions(regions="brats")
    with pytest.raises(UnsupportedImageError, match="prediction codes the enhancing tumour as 4"):
        evaluate(old, new, options=options)
    with pytest.raises(UnsupportedImageError, match="reference codes the enhancing tumour as 4"):
        evaluate(new, old, options=options)
    strange = masks([[[1, 2, 7]]], "ZYX", LabelSet.from_names({v: f"class {v}" for v in (1, 7)}))
    with pytest.raises(UnsupportedImageError, match=r"values \[7\], but those of BraTS"):
        evaluate(strange, strange, options=options)


def test_options_that_are_not_possible() -> None:
    with pytest.raises(InvalidOptionError, match="Deice is no measure; choose among Dice"):
        MeasureOptions(["Deice"])
    with pytest.raises(InvalidOptionError, match="Nothing is no measure"):
        MeasureOptions([])
    with pytest.raises(InvalidOptionError, match="tolerance of NSD is -1"):
        MeasureOptions(tolerance=-1)


def test_volumes_over_time_and_cancelling() -> None:
    labels = np.ones((3, 2, 4, 4), np.uint8)
    film = masks(labels, "TZYX")
    rows = evaluate(film, film, options=MeasureOptions(ALL, levels=("frame", "case")))
    assert {row.frame for row in rows} == {0, 1, 2, None}
    assert value(rows, "Volume error", 1) == 0
    assert math.isclose(value(rows, "Temporal consistency"), 1)
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        evaluate(film, film, check=check)
    assert len(calls) == 2
