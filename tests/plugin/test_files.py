"""Opening samples and saving masks through napari's own menus and dialogs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from placed import write_series
from qtpy.QtCore import QTimer

from mambaseg.data import read_segmentation

pytestmark = pytest.mark.usefixtures("display")


@pytest.mark.parametrize(
    ("title", "shape", "labels"),
    [
        ("Echocardiogram (30 frames)", (30, 240, 320, 3), ("t", "y", "x")),
        ("Head, 80 slices (synthetic)", (80, 112, 96), ("z", "y", "x")),
        ("Retina (one picture)", (1411, 1411, 3), ("y", "x")),
    ],
)
def test_each_sample_opens_from_the_menu(
    desk: Any, title: str, shape: tuple[int, ...], labels: tuple[str, ...]
) -> None:
    desk.menu("File", "Open Sample", "mambaseg", title)
    desk.wait(lambda: len(desk.viewer.layers) == 1)
    (layer,) = desk.viewer.layers
    assert layer.data.shape == shape
    assert layer.axis_labels == labels
    if labels[0] == "z":
        assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
        np.testing.assert_allclose(layer.scale, 2)


def save(desk: Any, path: Path, file_type: str) -> None:
    # The dialog keeps the menu's caller waiting.
    QTimer.singleShot(300, partial(desk.choose_file, path, file_type))
    desk.menu("File", "Save Selected Layers...")


@pytest.mark.parametrize(
    ("orientation", "file_type", "name"),
    [
        ([1, 0, 0, 0, 1, 0], "NRRD mask", "mask.nrrd"),
        ([1, 0, 0, 0, 0, -1], "NIfTI mask", "mask.nii.gz"),
        ([0, 1, 0, 0, 0, -1], "MHA mask", "mask.mha"),
        ([0, 1, 0, 0, 0, -1], "DICOM segmentation without the patient's name", "mask.dcm"),
        ([0, 1, 0, 0, 0, -1], "DICOM segmentation with the patient's name", "archive.dcm"),
    ],
)
def test_a_saved_mask_lies_on_its_series(
    desk: Any, tmp_path: Path, orientation: list[float], file_type: str, name: str
) -> None:
    volume = np.random.default_rng(0).integers(0, 900, (6, 7, 8))
    series = write_series(tmp_path / "series", volume, orientation=orientation)
    (image,) = desk.viewer.open(str(series), plugin="mambaseg")
    itk = SimpleITK.ReadImage(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(series)))
    point = itk.TransformIndexToPhysicalPoint((5, 2, 4))
    labels = desk.viewer.add_labels(
        np.zeros(image.data.shape, np.uint8),
        scale=image.scale,
        translate=image.translate,
        affine=image.affine,
        units=image.units,
        axis_labels=image.axis_labels,
        metadata=dict(image.metadata),
    )
    labels.data_setitem(
        tuple(
            np.array([place]) for place in np.rint(labels.world_to_data(point[::-1])).astype(int)
        ),
        1,
    )
    desk.viewer.layers.selection.active = labels
    path = tmp_path / name
    save(desk, path, file_type)
    desk.wait(path.is_file)
    if path.suffix == ".dcm":
        assert (b"Secret^Person" in path.read_bytes()) is (path.stem == "archive")
        mask = read_segmentation(path)
        assert np.argwhere(mask.labels).tolist() == [[4, 2, 5]]
        np.testing.assert_allclose(mask.geometry.direction, itk.GetDirection(), atol=1e-6)
        return
    saved = SimpleITK.ReadImage(str(path))
    assert saved.GetSize() == itk.GetSize()
    np.testing.assert_allclose(saved.GetSpacing(), itk.GetSpacing(), rtol=1e-6)
    np.testing.assert_allclose(saved.GetOrigin(), itk.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(saved.GetDirection(), itk.GetDirection(), atol=1e-6)
    assert saved[saved.TransformPhysicalPointToIndex(point)] == 1
    assert SimpleITK.GetArrayFromImage(saved).sum() == 1


def test_a_series_that_is_refused_keeps_no_other_from_a_study(
    desk: Any, tmp_path: Path, notices: list[str]
) -> None:
    volume = np.random.default_rng(0).integers(0, 900, (6, 7, 8))
    write_series(tmp_path / "a", volume, SeriesDescription="good")
    write_series(tmp_path / "b", volume, SeriesDescription="bad", depths=[0, 2, 2, 4, 6, 8])
    (layer,) = desk.viewer.open(str(tmp_path), plugin="mambaseg")
    np.testing.assert_array_equal(layer.data, volume)
    desk.wait(lambda: any("series 'bad'" in text for text in notices))


def test_a_loss_is_told(desk: Any, tmp_path: Path, notices: list[str]) -> None:
    from mambaseg.plugin.layers import labels_layer
    from mambaseg.types import LabelSet, Segmentation

    label_set = LabelSet.from_names({1: "nodule"})
    data, options, _ = labels_layer(Segmentation(np.ones((3, 4, 5), np.uint8), "ZYX", label_set))
    desk.viewer.add_labels(data, **options)
    save(desk, tmp_path / "mask.nii.gz", "NIfTI mask")
    desk.wait(lambda: any("no room for the names" in text for text in notices))


def test_an_image_is_saved_as_it_was_read(desk: Any, tmp_path: Path) -> None:
    volume = np.random.default_rng(0).integers(0, 900, (6, 7, 8))
    series = write_series(tmp_path / "series", volume, orientation=[0, 1, 0, 0, 0, -1])
    desk.viewer.open(str(series), plugin="mambaseg")
    save(desk, tmp_path / "image.nrrd", "NRRD image")
    desk.wait((tmp_path / "image.nrrd").is_file)
    saved = SimpleITK.ReadImage(str(tmp_path / "image.nrrd"))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(saved), volume)
