"""A landmark in the patient's millimetres is one voxel, wherever one looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from placed import images

from mambaseg.data import read_image, read_segmentation, write_segmentation
from mambaseg.plugin.from_layers import image_of, segmentation_of
from mambaseg.plugin.layers import image_layer, labels_layer
from mambaseg.plugin.places import placement, tilt_degrees
from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation

napari_components = pytest.importorskip("napari.components")
pytest.importorskip("napari.layers")

OBLIQUE = tuple(np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0].ravel().tolist())
DIRECTIONS = {
    "straight": (1, 0, 0, 0, 1, 0, 0, 0, 1),
    "turned": (-1, 0, 0, 0, -1, 0, 0, 0, 1),
    "left-handed": (1, 0, 0, 0, -1, 0, 0, 0, 1),
    "sagittal": (0, 0, 1, 1, 0, 0, 0, -1, 0),
    "oblique": OBLIQUE,
}
REAL = [
    "totalsegmentator_ref/example_ct.nii.gz",
    "totalsegmentator_ref/example_seg_dicom.nii.gz",
    "nrrd_mha/FLAIR.nrrd",
    "nrrd_mha/mha.mha",
    "prostatex_t2/Prostatex_0000.nii.gz",
]


def layer_of(image: MedicalImage, **options: Any) -> Any:
    data, more, _ = image_layer(image, **options)
    return napari_components.ViewerModel().add_image(data, **more)


def volume_file(folder: Path, direction: tuple[float, ...]) -> Path:
    array = np.random.default_rng(0).integers(-99, 99, (5, 6, 7), dtype=np.int16)
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing((0.5, 0.75, 3))
    image.SetOrigin((-10, 20, 30))
    image.SetDirection(direction)
    SimpleITK.WriteImage(image, str(folder / "volume.nrrd"))
    return folder / "volume.nrrd"


def assert_landmarks(path: Path, tmp_path: Path) -> None:
    itk = SimpleITK.ReadImage(str(path))
    image = read_image(path)
    layer = layer_of(image)
    ours = np.asarray(image.array)[0]
    random = np.random.default_rng(1)
    geometry = image.geometry
    turn = np.reshape(geometry.direction, (3, 3)) * geometry.spacing_mm[::-1]
    mask = np.zeros(ours.shape, np.uint8)
    landmarks = []
    for _ in range(6):
        index = [int(random.integers(n)) for n in itk.GetSize()]
        point = itk.TransformContinuousIndexToPhysicalPoint([i + 0.2 for i in index])
        assert itk.TransformPhysicalPointToIndex(point) == tuple(index)
        found = np.rint(np.linalg.solve(turn, np.array(point) - geometry.origin_mm)).astype(int)
        assert found.tolist() == index
        z, y, x = np.rint(layer.world_to_data(point[::-1])).astype(int)
        value = itk[index]
        assert layer.data[z, y, x] == pytest.approx(value)
        assert ours[tuple(index[::-1])] == pytest.approx(value)
        landmarks.append(point)
        mask[tuple(index[::-1])] = 1
    segmentation = Segmentation(mask, "ZYX", LabelSet.from_names({1: "landmark"}), geometry)
    data, options, _ = labels_layer(segmentation)
    labels = napari_components.ViewerModel().add_labels(data, **options)
    for point in landmarks:
        assert labels.data[tuple(np.rint(labels.world_to_data(point[::-1])).astype(int))] == 1
    for suffix in ("nrrd", "mha", "nii.gz"):
        saved = tmp_path / f"mask.{suffix}"
        write_segmentation(segmentation_of(labels, send_home=True), saved)
        again = SimpleITK.ReadImage(str(saved))
        assert again.GetSize() == itk.GetSize()
        np.testing.assert_allclose(again.GetSpacing(), itk.GetSpacing(), rtol=1e-5)
        np.testing.assert_allclose(again.GetOrigin(), itk.GetOrigin(), atol=1e-3)
        np.testing.assert_allclose(again.GetDirection(), itk.GetDirection(), atol=1e-5)
        for point in landmarks:
            assert again[again.TransformPhysicalPointToIndex(point)] == 1
        assert int(SimpleITK.GetArrayFromImage(again).sum()) == int(mask.sum())


@pytest.mark.parametrize("name", DIRECTIONS)
def test_landmarks(tmp_path: Path, name: str) -> None:
    assert_landmarks(volume_file(tmp_path, DIRECTIONS[name]), tmp_path)


@pytest.mark.parametrize("name", REAL)
def test_landmarks_of_real_volumes(shared: Path, tmp_path: Path, name: str) -> None:
    assert_landmarks(shared / "data" / name, tmp_path)


def test_a_mask_in_flipped_voxel_order_lies_on_its_series(shared: Path) -> None:
    folder = shared / "data" / "totalsegmentator_ref"
    image, mask = (
        read_image(folder / "example_ct_dicom"),
        read_segmentation(folder / "example_seg_dicom.nii.gz"),
    )
    assert image.geometry.direction != mask.geometry.direction
    model = napari_components.ViewerModel()
    data, options, _ = image_layer(image)
    scan = model.add_image(data, **options)
    data, options, _ = labels_layer(mask)
    labels = model.add_labels(data, **options)
    np.testing.assert_allclose(scan.extent.world, labels.extent.world, atol=1e-3)
    # the voxels of each bone that the mask names are bright in the scan at the same place
    lung_or_air, other = [], []
    random = np.random.default_rng(0)
    names = np.asarray(labels.data)
    inside = np.argwhere(names > 0)
    for index in inside[random.choice(len(inside), 400)]:
        world = labels.data_to_world(index)
        place = tuple(np.rint(scan.world_to_data(world)).astype(int))
        other.append(int(scan.data[place]))
    outside = np.argwhere(names == 0)
    for index in outside[random.choice(len(outside), 400)]:
        place = tuple(np.rint(scan.world_to_data(labels.data_to_world(index))).astype(int))
        lung_or_air.append(int(scan.data[place]))
    assert np.median(other) > -100, "organs are no air"
    assert np.mean(other) > np.mean(lung_or_air) + 100


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(image=images("CZYX CTZYX CYX CTYX", (np.int16,)))
def test_layers_give_back_the_image(image: MedicalImage) -> None:
    if len(image.channel_names) > 1:
        return
    layer = layer_of(image)
    found = image_of(layer, send_home=True)
    assert found.axes == image.axes
    assert found.geometry == image.geometry
    np.testing.assert_array_equal(np.asarray(found.array), image.array)


def test_a_foreign_layers_place_is_kept() -> None:
    model = napari_components.ViewerModel()
    layer = model.add_labels(
        np.ones((3, 4, 5), np.uint8),
        scale=(2, 1, 1),
        translate=(7, 8, 9),
        units=("cm", "cm", "cm"),
        axis_labels=("z", "y", "x"),
    )
    geometry = segmentation_of(layer).geometry
    assert geometry.spacing_mm == pytest.approx((20, 10, 10))
    assert geometry.origin_mm == pytest.approx((90, 80, 70))
    layer.scale = (-2, 1, 1)
    geometry = segmentation_of(layer).geometry
    assert geometry.spacing_mm == pytest.approx((20, 10, 10))
    assert geometry.direction == pytest.approx((1, 0, 0, 0, 1, 0, 0, 0, -1))


def test_straightened_volumes_are_painted_where_they_show(tmp_path: Path) -> None:
    image = read_image(volume_file(tmp_path, OBLIQUE))
    assert 10 < tilt_degrees(image.geometry) < 90
    assert tilt_degrees(Geometry((1, 1, 1), direction=DIRECTIONS["sagittal"])) == 0
    layer = layer_of(image, straighten=True)
    shape = layer.data.shape
    for index in ((0, 0, 0), (shape[0] - 1, 2, 3), (1, shape[1] - 1, shape[2] - 1)):
        world = np.array(layer.data_to_world(index))
        slices = [
            np.array(layer.data_to_world((index[0], y, x)))[0] for y in (0, 3) for x in (0, 4)
        ]
        np.testing.assert_allclose(slices, world[0], atol=1e-9)
    assert image_of(layer, send_home=True).geometry == image.geometry


def test_unknown_spacing_has_no_place() -> None:
    place = placement("ZYX", Geometry(origin_mm=(1, 2, 3), direction=OBLIQUE), (2, 2, 2))
    assert place["scale"] == (1, 1, 1)
    assert place["units"] == ("pixel",) * 3
    assert place["translate"] == (0, 0, 0)
    np.testing.assert_array_equal(place["affine"], np.eye(4))


@pytest.mark.parametrize("first", [0.0, 0.52])
@pytest.mark.parametrize("rate", [20.5, 24, 25, 29.97, 30, 60])
def test_the_slider_reaches_the_last_frame(rate: float, first: float) -> None:
    for count in (2, 30, 47, 91, 300):
        times = tuple(first + number / rate for number in range(count))
        film = np.zeros((1, count, 2, 2), np.uint8)
        image = MedicalImage(film, "CTYX", Geometry(frame_times_s=times), ("grey",), "film")
        data, more, _ = image_layer(image)
        viewer = napari_components.ViewerModel()
        viewer.add_image(data, **more)
        assert viewer.dims.nsteps[0] == count


@pytest.mark.parametrize("spacing", [0.7, 1.1, 3.3])
def test_the_slider_reaches_the_last_slice(spacing: float) -> None:
    for count in (2, 30, 47, 91, 300):
        geometry = Geometry((spacing, 1, 1), (0, 0, -120.7), (1, 0, 0, 0, 1, 0, 0, 0, 1))
        volume = np.zeros((1, count, 2, 2), np.uint8)
        data, more, _ = image_layer(MedicalImage(volume, "CZYX", geometry, ("grey",), "volume"))
        viewer = napari_components.ViewerModel()
        viewer.add_image(data, **more)
        assert viewer.dims.nsteps[0] == count
