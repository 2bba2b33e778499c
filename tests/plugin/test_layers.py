"""Layer data: axes, places, colours, and that lazy films stay lazy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mambaseg.data import write_image, write_segmentation
from mambaseg.plugin.layers import image_layer, labels_layer
from mambaseg.plugin.readers import get_reader
from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation

napari_components = pytest.importorskip("napari.components")


class CountingFilm:
    """A lazy film that notes which frames were read."""

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, channels: int) -> None:
        self.shape = (channels, 50, 8, 10)
        self.read: set[int] = set()

    def __getitem__(self, key: Any) -> np.ndarray:
        frames = range(50)[key[1]]
        self.read.update([frames] if isinstance(frames, int) else frames)
        whole = np.broadcast_to(np.arange(50, dtype=np.uint8)[:, None, None], self.shape)
        return whole[key]


@pytest.fixture
def model() -> Any:
    """napari's viewer without a window."""
    return napari_components.ViewerModel()


def test_colour_film_has_its_colours_last(model: Any, red_film: MedicalImage) -> None:
    data, options, kind = image_layer(red_film)
    assert kind == "image"
    layer = model.add_image(data, **options)
    assert layer.rgb
    assert layer.data.shape == (4, 16, 24, 3)
    assert np.all(np.asarray(layer.data) == (200, 0, 0))
    assert layer.name == "red.mp4"


def test_film_lies_in_seconds_and_millimetres(model: Any, red_film: MedicalImage) -> None:
    data, options, _ = image_layer(red_film)
    layer = model.add_image(data, **options)
    np.testing.assert_allclose(layer.scale, (1 / 25, 0.4, 0.3))
    np.testing.assert_allclose(layer.translate, (0.5, 0, 0))
    assert [str(unit) for unit in layer.units] == ["second", "millimeter", "millimeter"]
    assert layer.axis_labels == model.dims.axis_labels == ("t", "y", "x")
    # the middle of pixel (row 2, column 3) of frame 1, as napari's own transform has it
    np.testing.assert_allclose(layer.data_to_world((1, 2, 3)), (0.54, 0.8, 0.9))


@pytest.mark.parametrize(
    ("geometry", "scale", "units"),
    [
        (Geometry(), (1, 1, 1), ["pixel", "pixel", "pixel"]),
        (Geometry(spacing_mm=(2, 3)), (1, 2, 3), ["pixel", "millimeter", "millimeter"]),
        (Geometry(frame_times_s=(0, 1, 2, 4)), (4 / 3, 1, 1), ["second", "pixel", "pixel"]),
    ],
)
def test_what_is_unknown_is_in_pixels(
    model: Any,
    red_film: MedicalImage,
    block: Segmentation,
    geometry: Geometry,
    scale: tuple[float, ...],
    units: list[str],
) -> None:
    data, options, _ = image_layer(replace(red_film, geometry=geometry))
    image = model.add_image(data, **options)
    data, options, _ = labels_layer(replace(block, geometry=geometry))
    for layer in (image, model.add_labels(data, **options)):
        np.testing.assert_allclose(layer.scale, scale)
        assert [str(unit) for unit in layer.units] == units


@pytest.mark.parametrize("channels", [1, 3])
def test_lazy_film_is_read_frame_by_frame(model: Any, channels: int) -> None:
    film = CountingFilm(channels)
    names = ("red", "green", "blue") if channels == 3 else ("intensity",)
    data, options, _ = image_layer(MedicalImage(film, "CTYX", channel_names=names))
    assert film.read == set()
    layer = model.add_image(data, **options)
    model.dims.set_current_step(0, 31)
    assert 31 in film.read
    assert len(film.read) <= 3, "napari reads what it shows: first, middle and chosen frame"
    frame = np.asarray(layer.data[31])
    assert frame.shape == ((8, 10, 3) if channels == 3 else (8, 10))
    assert np.all(frame == 31)


def test_single_channel_image_loses_its_axis(model: Any) -> None:
    array = np.arange(20, dtype=np.uint8).reshape(1, 4, 5)
    data, options, _ = image_layer(MedicalImage(array, "CYX"))
    layer = model.add_image(data, **options)
    np.testing.assert_array_equal(layer.data, array[0])
    assert tuple(layer.contrast_limits) == (0, 255)
    assert layer.axis_labels == ("y", "x")


def test_other_channels_become_a_layer_each(model: Any) -> None:
    array = np.stack([np.full((3, 4, 5), value, np.float32) for value in (1, 2)])
    geometry = Geometry(spacing_mm=(5, 1, 1))
    image = MedicalImage(array, "CZYX", geometry, ("T1", "FLAIR"), "brain.nii.gz")
    data, options, _ = image_layer(image)
    layers = model.add_image(data, **options)
    assert [layer.name for layer in layers] == ["brain.nii.gz T1", "brain.nii.gz FLAIR"]
    for layer, value in zip(layers, (1, 2), strict=True):
        assert np.all(layer.data == value)
        np.testing.assert_allclose(layer.scale, (5, 1, 1))
        assert layer.axis_labels == ("z", "y", "x")
        assert layer.metadata["source"] == "brain.nii.gz"


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii", ".nii.gz", ".tif", ""])
def test_masks_reopen_as_masks_and_images_as_images(tmp_path: Path, suffix: str) -> None:
    """A film so long that the times of its frames fill the head of the file."""
    times = tuple(index / 30 for index in range(900 if suffix in (".mha", "") else 18_000))
    labels = np.zeros((len(times), 2, 3), np.uint8)
    labels[0] = 1
    geometry = Geometry(frame_times_s=times)
    names = LabelSet.from_names({1: "nodule"})
    mask = tmp_path / f"mask{suffix}"
    write_segmentation(Segmentation(labels, "TYX", names, geometry), mask)
    reader = get_reader(str(mask))
    assert reader is not None
    ((data, _, kind),) = reader(str(mask))
    assert kind == "labels"
    np.testing.assert_array_equal(np.asarray(data), labels)
    if suffix in ("", ".tif"):  # no image is written so
        return
    image = tmp_path / f"image{suffix}"
    write_image(MedicalImage(labels[None, :9], "CTYX"), image)
    assert [kind for _, _, kind in reader(str(image))] == ["image"]


def test_mask_has_the_colours_and_names_of_its_classes(model: Any, block: Segmentation) -> None:
    data, options, kind = labels_layer(block)
    assert kind == "labels"
    layer = model.add_labels(data, **options)
    np.testing.assert_array_equal(layer.data, block.labels)
    np.testing.assert_allclose(layer.get_color(1), np.array([0xE6, 0x9F, 0x00, 255]) / 255)
    np.testing.assert_allclose(layer.get_color(3), np.array([0x56, 0xB4, 0xE9, 255]) / 255)
    assert layer.get_color(0) is None or not np.any(layer.get_color(0))
    assert "left ventricle" in layer.get_status((0, 1, 1), world=False)["value"]
    assert "background" in layer.get_status((0, 12, 1), world=False)["value"]


def test_frames_that_are_not_annotated_are_named_so(model: Any) -> None:
    label_set = LabelSet.from_names({1: "nodule"})
    data, options, _ = labels_layer(Segmentation(np.full((4, 4), 2, np.uint8), "YX", label_set))
    layer = model.add_labels(data, **options)
    assert "not annotated" in layer.get_status((1, 1), world=False)["value"]
