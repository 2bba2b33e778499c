"""Every measure against its formula, and against libraries that share the definition."""

from __future__ import annotations

import math
from typing import Any

import brute_force
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from monai.metrics import (
    compute_average_surface_distance,
    compute_dice,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from torchmetrics.functional.segmentation import hausdorff_distance, mean_iou

from mambaseg.metrics import ALL_CLASSES, MEASURES, MeasureOptions, evaluate, evaluate_instances
from mambaseg.types import Geometry, LabelSet, Segmentation

TWO = LabelSet.from_names({1: "nerve", 2: "vessel"})
ONE = LabelSet.from_names({1: "lesion"})
SPACINGS = {
    2: [None, (1.0, 1.0), (0.3, 0.7), (2.5, 0.4)],
    3: [None, (1.0, 1.0, 1.0), (3.0, 0.6, 0.9)],
}


def measured(
    found: Any, true: Any, spacing: Any = None, labels: LabelSet = ONE, **options: Any
) -> dict[tuple[str, str], float]:
    axes = "YX" if found.ndim == 2 else "ZYX"
    masks = [Segmentation(m, axes, labels, Geometry(spacing)) for m in (found, true)]
    rows = evaluate(*masks, options=MeasureOptions(measures=list(MEASURES), **options))
    return {(row.class_name, row.measure): row.value for row in rows}


@st.composite
def blobs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, Any, float]:
    """Two masks of boxes and specks that overlap somehow, a spacing and a tolerance."""
    dims = draw(st.sampled_from([2, 3]))
    shape = tuple(draw(st.integers(1, 9 if dims == 2 else 6)) for _ in range(dims))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = []
    for _ in range(2):
        mask = np.zeros(shape, np.uint8)
        for _ in range(draw(st.integers(0, 3))):
            corners = np.sort(random.integers(0, np.array(shape)[:, None] + 1, (dims, 2)))
            mask[tuple(slice(a, b + 1) for a, b in corners)] = random.integers(0, 3)
        masks.append(mask)
    spacing = draw(st.sampled_from(SPACINGS[dims]))
    return masks[0], masks[1], spacing, draw(st.sampled_from([0.0, 0.6, 1.0, 2.0, 5.0]))


@settings(max_examples=120, deadline=None)
@given(blobs())
def test_every_measure_equals_its_formula(case: Any) -> None:
    found, true, spacing, tolerance = case
    values = measured(found, true, spacing, TWO, tolerance=tolerance)
    steps = spacing or (1.0,) * found.ndim
    kind = "Area" if found.ndim == 2 else "Volume"
    element = math.prod(steps) / (1000 if spacing and found.ndim == 3 else 1)
    for value, name in TWO.names.items():
        p, r = found == value, true == value
        sizes = [len(brute_force.places(mask)) for mask in (p, r)]
        relative = 100 * (sizes[0] - sizes[1]) / sizes[1] if sizes[1] else math.nan
        expected = {
            **brute_force.overlap_measures(p, r),
            **brute_force.surface_measures(p, r, steps, tolerance),
            **brute_force.instance_measures(brute_force.components(p), brute_force.components(r)),
            f"{kind} error": abs(sizes[0] - sizes[1]) * element,
            f"Relative {kind.lower()} error": relative if any(sizes) else 0.0,
        }
        assert {key[1] for key in values if key[0] == name} == set(expected)
        for measure, number in expected.items():
            assert values[name, measure] == pytest.approx(number, nan_ok=True), measure
    expected_iou = brute_force.mean_iou(found, true, TWO.names)
    assert values[ALL_CLASSES, "mIoU"] == pytest.approx(expected_iou)


@settings(max_examples=60, deadline=None)
@given(blobs())
def test_surface_measures_equal_monai(case: Any) -> None:
    found, true, spacing, tolerance = case
    p, r = found == 1, true == 1
    if not p.any() or not r.any():
        return  # the conventions differ, as docs/metrics.md says
    values = measured(p.astype(np.uint8), r.astype(np.uint8), spacing, tolerance=tolerance)
    pair = [torch.from_numpy(mask)[None, None] for mask in (p, r)]
    whole = {"include_background": True, "spacing": spacing}
    hd = compute_hausdorff_distance(*pair, **whole)
    hd95 = compute_hausdorff_distance(*pair, percentile=95, **whole)
    assd = compute_average_surface_distance(*pair, symmetric=True, **whole)
    nsd = compute_surface_dice(*pair, [tolerance + 1e-6], **whole)
    for measure, expected in (("HD", hd), ("HD95", hd95), ("ASSD", assd), ("NSD", nsd)):
        assert values["lesion", measure] == pytest.approx(float(expected), rel=1e-5), measure
    assert values["lesion", "Dice"] == pytest.approx(float(compute_dice(*pair)))


def test_equals_torchmetrics() -> None:
    random = np.random.default_rng(0)
    found, true = (random.integers(0, 3, (12, 15)) for _ in range(2))
    values = measured(found, true, labels=TWO)
    pair = [torch.from_numpy(mask)[None] for mask in (found, true)]
    iou = mean_iou(*pair, num_classes=3, input_format="index")
    assert values[ALL_CLASSES, "mIoU"] == pytest.approx(float(iou))
    blob = [np.zeros((20, 20), np.int64) for _ in range(2)]
    blob[0][3:9, 4:15], blob[1][5:14, 2:11] = 1, 1
    hd = hausdorff_distance(
        *[torch.from_numpy(mask)[None] for mask in blob],
        num_classes=2,
        input_format="index",
        spacing=[0.5, 2.0],
    )
    assert measured(*blob, spacing=(0.5, 2.0))["lesion", "HD"] == pytest.approx(float(hd))


@pytest.mark.parametrize("spacing", SPACINGS[3][1:])
def test_equals_medpy_where_it_is_installed(spacing: Any) -> None:
    binary = pytest.importorskip("medpy.metric.binary", reason="MedPy is not installed")
    random = np.random.default_rng(1)
    found, true = (random.random((9, 12, 11)) < 0.3 for _ in range(2))
    values = measured(found.astype(np.uint8), true.astype(np.uint8), spacing)
    for measure, expected in (
        ("HD", binary.hd(found, true, voxelspacing=spacing)),
        ("Dice", binary.dc(found, true)),
        ("Jaccard", binary.jc(found, true)),
        ("Specificity", binary.specificity(found, true)),
        ("Relative volume error", 100 * binary.ravd(found, true)),
    ):
        assert values["lesion", measure] == pytest.approx(expected), measure


@pytest.mark.parametrize("shape", [(7, 9), (4, 5, 6)])
def test_empty_masks(shape: tuple[int, ...]) -> None:
    spacing = (0.5, 2.0, 1.0)[: len(shape)]
    nothing, something = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    something[(2,) * len(shape)] = 1
    both = measured(nothing, nothing, spacing)
    for name in ("Dice", "Jaccard", "Precision", "Recall", "NSD", "Instance Dice", "F1 at 0.5"):
        assert both["lesion", name] == 1
    for name in ("HD", "HD95", "ASSD"):
        assert both["lesion", name] == 0
    diagonal = math.sqrt(sum((n * s) ** 2 for n, s in zip(shape, spacing, strict=True)))
    kind = "area" if len(shape) == 2 else "volume"
    for pair in ((nothing, something), (something, nothing)):
        one = measured(*pair, spacing)
        for name in ("Dice", "Jaccard", "Precision", "Recall", "NSD", "Instance IoU", "F1 at 0.5"):
            assert one["lesion", name] == 0
        for name in ("HD", "HD95", "ASSD"):
            assert one["lesion", name] == pytest.approx(diagonal)
    assert math.isnan(measured(something, nothing)["lesion", f"Relative {kind} error"])
    assert measured(nothing, something)["lesion", f"Relative {kind} error"] == -100


@settings(max_examples=40, deadline=None)
@given(blobs())
def test_a_mask_equals_itself_and_order_matters_where_it_should(case: Any) -> None:
    found, true, spacing, _ = case
    same = measured(found, found, spacing, TWO)
    ways = {"high": 1.0, "low": 0.0, "zero": 0.0}
    for (_, name), value in same.items():
        if MEASURES[name].better != "neither":
            assert value == ways[MEASURES[name].better]
    there, back = measured(found, true, spacing, TWO), measured(true, found, spacing, TWO)
    for key, value in there.items():
        if key[1] in ("Dice", "Jaccard", "HD", "HD95", "ASSD", "NSD", "Accuracy", "Instance Dice"):
            assert value == pytest.approx(back[key])
        if key[1] == "Precision":
            assert value == pytest.approx(back[key[0], "Recall"])


@settings(max_examples=40, deadline=None)
@given(blobs(), st.integers(0, 2**32 - 1))
def test_what_is_not_annotated_is_in_neither_mask(case: Any, seed: int) -> None:
    found, true, spacing, tolerance = case
    out = np.random.default_rng(seed).random(true.shape) < 0.3
    if out.all():
        return
    values = measured(found, np.where(out, 3, true), spacing, TWO, tolerance=tolerance)
    for value, name in TWO.names.items():
        p, r = (found == value) & ~out, (true == value) & ~out
        expected = brute_force.overlap_measures(p, r, ~out)
        steps = spacing or (1.0,) * found.ndim
        expected |= brute_force.surface_measures(p, r, steps, tolerance)
        for measure, number in expected.items():
            assert values[name, measure] == pytest.approx(number), measure


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 4))
def test_numbered_objects_equal_the_formula(seed: int, n_found: int, n_true: int) -> None:
    random = np.random.default_rng(seed)
    masks = [random.integers(0, n + 1, (6, 7)) * random.integers(1, 400) for n in (n_found, n_true)]
    objects = [
        [brute_force.places(mask == number) for number in np.unique(mask) if number]
        for mask in masks
    ]
    expected = brute_force.instance_measures(*objects)
    rows = {row.measure: row.value for row in evaluate_instances(*masks)}
    assert rows == pytest.approx(expected)
