"""Several files as the channels of one image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest

from mambaseg.data.channel_names import arranged, guess_channels
from mambaseg.data.channels import join_channels, open_channels
from mambaseg.data.window import read_plane
from mambaseg.types import Geometry, MedicalImage
from mambaseg.types.errors import UnsupportedImageError

BRATS = ("t1", "t1ce", "t2", "flair")
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def volume(value: float = 0.0, **geometry: Any) -> MedicalImage:
    place = {"spacing_mm": (3.0, 1.0, 2.0), "origin_mm": (0.0, 5.0, 9.0), "direction": IDENTITY}
    return MedicalImage(
        np.full((1, 4, 5, 6), value, np.float32),
        "CZYX",
        Geometry(**{**place, **geometry}),
        source="a",
    )


@pytest.mark.parametrize(
    ("names", "channels", "expected"),
    [
        (["x_flair", "x_t1", "x_t1ce", "x_t2"], BRATS, (1, 2, 3, 0)),
        (["X-T2F", "X-T1N", "X-T1C", "X-T2W"], BRATS, (1, 2, 3, 0)),
        (["case_0002", "case_0000", "case_0003", "case_0001"], BRATS, (1, 3, 0, 2)),
        (["BraTS2021_00006_t1"], ("t1",), (0,)),
        (["ct scan", "pet"], ("CT", "PET"), (0, 1)),
        (["T1 post", "t1"], ("t1ce", "t1"), None),
        (["a_t1", "b_t1"], ("t1", "t2"), None),
        (["left", "right"], ("t1", "t2"), None),
        (["case_0000", "case_0002"], ("t1", "t2"), None),
    ],
)
def test_names_say_channels(
    names: list[str], channels: tuple[str, ...], expected: tuple[int, ...] | None
) -> None:
    found = guess_channels(names, channels)
    assert found == (None if expected is None else dict(zip(channels, expected, strict=True)))


def test_channels_are_stacked_and_read_on_demand() -> None:
    read: list[Any] = []

    class Watched:
        def __init__(self, array: Any) -> None:
            self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, 4

        def __getitem__(self, key: Any) -> Any:
            read.append(key)
            return self.array[key]

    images = {
        name: replace(volume(value), array=Watched(volume(value).array))
        for value, name in enumerate(BRATS)
    }
    image = join_channels(list(images.values()), list(images))
    assert (image.channel_names, image.array.shape) == (BRATS, (4, 4, 5, 6))
    assert image.geometry == volume().geometry
    assert not read
    np.testing.assert_array_equal(image.array[:, 1:2].max((1, 2, 3)), [0, 1, 2, 3])
    assert image.array[2].mean() == 2
    assert image.array[1:3, 0].shape == (2, 5, 6)
    assert image.array[..., 0].shape == (4, 4, 5)
    assert np.asarray(image.array).shape == (4, 4, 5, 6)
    lazy = replace(volume(), array=dask.array.zeros((1, 4, 5, 6)))
    assert join_channels([lazy, volume(1)], "ab").array[:].shape == (2, 4, 5, 6)
    assert image.array[1, ..., 2].shape == (4, 5)
    np.testing.assert_array_equal(read_plane(image, 2)[:, 0, 0], [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            MedicalImage(np.zeros((1, 4, 7, 6)), "CZYX", source="b"),
            "b has 7 rows along y, but a has 5",
        ),
        (MedicalImage(np.zeros((1, 9, 5, 6)), "CZYX", source="b"), "9 slices along z, but a has 4"),
        (MedicalImage(np.zeros((1, 4, 5)), "CYX", source="b"), "b is a single image"),
        (volume(spacing_mm=(3.0, 1.5, 2.0)), "spacing of 1.5 mm along y, but a has 1 mm"),
        (volume(origin_mm=(0.0, 5.0, 12.0)), "begins at z = 12 mm"),
        (volume(direction=(-1.0, *IDENTITY[1:])), "point elsewhere in the patient"),
        (MedicalImage(np.zeros((1, 2, 5, 6)), "CTYX", source="b"), "b is a single video"),
        (
            MedicalImage(np.zeros((2, 4, 5, 6)), "CZYX", channel_names=("x", "y"), source="b"),
            "b has 2 channels, but the channel 't2' needs an image of one",
        ),
    ],
)
def test_other_grids_are_refused(other: MedicalImage, message: str) -> None:
    with pytest.raises(UnsupportedImageError, match=message):
        join_channels([volume(), other], ["t1", "t2"])


def test_channels_elsewhere_are_resampled_when_they_are_read() -> None:
    shifted = volume(7.5, origin_mm=(0.0, 5.0, 12.0))
    whole = replace(volume(), array=np.zeros((1, 4, 5, 6), np.int16))
    image = join_channels([whole, shifted], ["t1", "t2"], resample=True)
    assert image.array.dtype == np.float32
    assert image.array[1].max((1, 2)).tolist() == [0, 7.5, 7.5, 7.5]
    nowhere = replace(volume(), array=np.zeros((1, 4, 5, 7)), geometry=Geometry(), source="b")
    with pytest.raises(UnsupportedImageError, match="b does not say where it lies"):
        join_channels([volume(), nowhere], ["t1", "t2"], resample=True)
    rounded = volume(origin_mm=(0.05, 5.0, 9.0), spacing_mm=(3.001, 1.0, 2.0))
    assert join_channels([volume(), rounded], ["t1", "t2"]).array.shape[0] == 2


def test_named_channels_come_in_the_networks_order() -> None:
    image = join_channels([volume(value) for value in range(4)], BRATS)
    wanted = ("flair", "t1", "t2", "t1ce")
    np.testing.assert_array_equal(arranged(image, wanted).array[:, 0, 0, 0], [3, 0, 2, 1])
    assert arranged(image, BRATS) is image
    after_2023 = replace(image, channel_names=("t1n", "t1c", "t2w", "t2f"))
    np.testing.assert_array_equal(arranged(after_2023, wanted).array[:, 0, 0, 0], [3, 0, 2, 1])
    assert arranged(image, ("a", "b", "c", "d")) is image
    assert arranged(volume(), BRATS).array.shape[0] == 1


def test_a_real_head_of_four_files(shared: Path) -> None:
    folder = shared / "data" / "brats2021_00006"
    files = sorted(path for path in folder.glob("*.nii.gz") if "seg" not in path.name)
    names = [path.name.removesuffix(".nii.gz") for path in files]
    found = guess_channels(names, BRATS)
    assert found == {"t1": 1, "t1ce": 2, "t2": 3, "flair": 0}
    image = open_channels([files[place] for place in found.values()], tuple(found))
    assert image.channel_names == BRATS
    assert image.array.shape == (4, 155, 240, 240)
