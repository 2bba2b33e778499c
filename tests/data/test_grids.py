"""Changes of the grid lead to the same places, and labels come home."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placed import images

from mambaseg.data.cropping import Crop, Pad
from mambaseg.data.grids import Grid
from mambaseg.data.reorienting import Reorient
from mambaseg.data.resampling import Resample, resample_to
from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError

often = settings(max_examples=60, deadline=None)
volumes = images("CZYX CTZYX", (np.int16,), placed=True)


def mask_of(image: MedicalImage) -> Segmentation:
    labels = (np.asarray(image.array)[0] % 4).astype(np.uint8)
    label_set = LabelSet.from_names({1: "a", 2: "b", 3: "c"})
    return Segmentation(labels, image.axes[1:], label_set, image.geometry)


def values_by_place(image: MedicalImage) -> dict[tuple[float, ...], list[int]]:
    """Every element's value, by its LPS position."""
    grid = Grid.of(image)
    array = np.asarray(image.array)
    found = {}
    for index in np.ndindex(*grid.shape):
        place = tuple(np.round(grid.moved(index), 3) + 0.0)
        found[place] = array[(..., *index)].ravel().tolist()
    return found


def assert_home(change: Any, image: MedicalImage, exact: bool = True) -> None:
    mask = mask_of(image)
    home = change.back(change.labels(mask))
    assert home.geometry == mask.geometry
    assert home.labels.shape == mask.labels.shape
    if exact:
        np.testing.assert_array_equal(home.labels, mask.labels)


@often
@given(image=volumes, codes=st.sampled_from(["LPS", "RAS", "SRA", "PIL", "ALI"]))
def test_reorienting_moves_no_element(image: MedicalImage, codes: str) -> None:
    change = Reorient.to(image, codes)
    turned = change.image(image)
    before, after = values_by_place(image), values_by_place(turned)
    assert sorted(before.values()) == sorted(after.values())
    for place, values in after.items():
        nearest = min(before, key=lambda other: float(np.abs(np.subtract(other, place)).max()))
        assert np.abs(np.subtract(nearest, place)).max() < 2e-3
        assert before[nearest] == values
    assert_home(change, image)


@often
@given(image=volumes)
def test_reoriented_axes_run_as_asked(image: MedicalImage) -> None:
    turn = Grid.of(Reorient.to(image, "LPS").image(image)).turn
    assert np.linalg.det(np.abs(turn)) != 0
    assert np.abs(np.linalg.det(turn)) == pytest.approx(1)
    again = Reorient.to(Reorient.to(image).image(image))
    assert again.order == (0, 1, 2)
    assert again.flips == (False, False, False)


@often
@given(image=images("CYX CTYX CZYX CTZYX", (np.int16,), placed=True), data=st.data())
def test_padding_and_cropping(image: MedicalImage, data: st.DataObject) -> None:
    widths = [
        (data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))) for _ in image.spatial_shape
    ]
    pad = Pad.by(image, widths, fill=-7)
    padded = pad.image(image)
    inner = [slice(a, n - b) for (a, b), n in zip(widths, padded.spatial_shape, strict=True)]
    np.testing.assert_array_equal(padded.array[(..., *inner)], image.array)
    assert int((padded.array == -7).sum()) == padded.array.size - image.array.size
    before, after = values_by_place(image), values_by_place(padded)
    assert before.items() <= after.items() or np.allclose(
        sorted(before), sorted({*after} & {*before})
    )
    assert_home(pad, image)
    crop = Crop.to_box(padded, [a for a, _ in widths], [s.stop for s in inner])
    again = crop.image(padded)
    np.testing.assert_array_equal(again.array, image.array)
    np.testing.assert_allclose(again.geometry.origin_mm, image.geometry.origin_mm, atol=1e-9)
    assert crop.back(crop.labels(mask_of(padded))).labels.shape == mask_of(padded).labels.shape


def test_what_was_cropped_away_comes_back_as_background() -> None:
    image = MedicalImage(np.ones((1, 4, 5), np.int16), "CYX")
    crop = Crop.to_box(image, (1, 2), (3, 5))
    mask = crop.labels(mask_of(image))
    assert mask.labels.tolist() == [[1, 1, 1], [1, 1, 1]]
    home = crop.back(mask)
    assert home.labels.sum() == 6
    assert home.labels[1:3, 2:5].sum() == 6
    for box in (((0, 0), (5, 5)), ((2, 2), (2, 3)), ((0,), (1,))):
        with pytest.raises(InvalidOptionError, match="does not lie inside"):
            Crop.to_box(image, *box)


@often
@given(
    image=images("CYX CZYX CTYX CTZYX", (np.int16,), placed=True),
    rule=st.sampled_from(["nearest", "linear"]),
)
def test_resampling_keeps_the_box_and_comes_home(image: MedicalImage, rule: Any) -> None:
    old = np.array(image.geometry.spacing_mm)
    change = Resample.to_spacing(image, (old * 0.5).tolist(), rule)
    moved = change.image(image)
    new = np.array(moved.geometry.spacing_mm)
    np.testing.assert_allclose(new * moved.spatial_shape, old * image.spatial_shape)
    low = Grid.of(image).moved([-0.5] * len(old)), Grid.of(moved).moved([-0.5] * len(old))
    np.testing.assert_allclose(*low, atol=1e-6)
    # By shares a lone element loses to what surrounds it.
    assert_home(change, image, exact=rule == "nearest")


def test_linear_images_stay_linear_on_an_oblique_grid() -> None:
    turn = tuple(np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0].ravel().tolist())
    geometry = Geometry((3.0, 1.5, 0.7), (5.0, -6.0, 7.0), turn)
    z, y, x = np.indices((6, 8, 10))
    image = MedicalImage((2.0 * z + 3 * y - x)[None].astype(np.float32), "CZYX", geometry)
    fine = Resample.to_spacing(image, (1.0, 1.0, 1.0)).image(image)
    assert fine.geometry.spacing_mm == pytest.approx((1.0, 1.0, 1.0))
    grid, inner = Grid.of(image), (9, 6, 3)
    place = np.array(Grid.of(fine).moved(inner)) - grid.geometry.origin_mm
    at = (np.linalg.inv(grid.turn) @ place)[::-1] / grid.geometry.spacing_mm
    assert fine.array[(0, *inner)] == pytest.approx(2 * at[0] + 3 * at[1] - at[2], abs=1e-3)
    back = resample_to(fine, image)
    np.testing.assert_allclose(
        back.array[0, 1:-1, 1:-1, 1:-1], image.array[0, 1:-1, 1:-1, 1:-1], atol=0.5
    )


def test_unknown_spacing_is_not_resampled_but_reoriented_and_padded() -> None:
    image = MedicalImage(
        np.zeros((1, 2, 3, 4)), "CZYX", Geometry(direction=(1, 0, 0, 0, -1, 0, 0, 0, 1))
    )
    with pytest.raises(UnsupportedImageError, match="unknown spacing"):
        Resample.to_spacing(image, (1, 1, 1))
    with pytest.raises(UnsupportedImageError, match="says? where it lies|does not say where"):
        resample_to(image, image)
    assert Reorient.to(image).image(image).geometry.spacing_mm is None
    assert Pad.by(image, [(1, 1)] * 3).image(image).geometry.origin_mm is None
    with pytest.raises(UnsupportedImageError, match="direction is known"):
        Reorient.to(replace(image, geometry=Geometry()))
    with pytest.raises(InvalidOptionError, match="is no orientation"):
        Reorient.to(image, "LLS")


def test_a_change_is_for_one_grid() -> None:
    image = MedicalImage(np.zeros((1, 4, 5)), "CYX")
    crop = Crop.to_box(image, (1, 2), (3, 5))
    with pytest.raises(UnsupportedImageError, match="was made for a grid of \\(4, 5\\)"):
        crop.image(MedicalImage(np.zeros((1, 5, 5)), "CYX"))
