"""Volumes and samples."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import SimpleITK

from mambaseg.data import read_image, read_segmentation, sample_path
from mambaseg.types.errors import UnknownNameError, UnreadableImageError, UnsupportedImageError

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha", "mhd"])
def test_volumes_keep_their_place(tmp_path: Path, suffix: str) -> None:
    array = np.random.default_rng(0).integers(-99, 99, (3, 4, 5), dtype=np.int16)
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing((0.5, 0.75, 2))
    image.SetOrigin((-10, 20, 30))
    image.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
    SimpleITK.WriteImage(image, str(tmp_path / f"volume.{suffix}"))
    found = read_image(tmp_path / f"volume.{suffix}")
    assert (found.axes, found.kind) == ("CZYX", "volume")
    np.testing.assert_array_equal(np.asarray(found.array)[0], array)
    assert found.geometry.spacing_mm == (2, 0.75, 0.5)
    assert found.geometry.origin_mm == (-10, 20, 30)
    np.testing.assert_allclose(found.geometry.direction, (0, 1, 0, -1, 0, 0, 0, 0, 1), atol=1e-7)


def test_planes_and_components(tmp_path: Path) -> None:
    plane = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    image = SimpleITK.GetImageFromArray(plane, isVector=True)
    image.SetSpacing((0.5, 0.75))
    SimpleITK.WriteImage(image, str(tmp_path / "plane.nrrd"))
    found = read_image(tmp_path / "plane.nrrd")
    assert (found.axes, found.geometry.spacing_mm) == ("CYX", (0.75, 0.5))
    np.testing.assert_array_equal(np.asarray(found.array), plane.transpose(2, 0, 1))


def test_four_dimensions_are_volumes_at_several_times(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, (2, 3, 4, 5), dtype=np.uint8)
    image = SimpleITK.GetImageFromArray(array, isVector=False)
    image.SetSpacing((1, 2, 3, 0.25))
    SimpleITK.WriteImage(image, str(tmp_path / "four.nii"))
    found = read_image(tmp_path / "four.nii")
    assert (found.axes, found.geometry.spacing_mm) == ("CTZYX", (3, 2, 1))
    assert found.geometry.frame_times_s == (0, 0.25)
    np.testing.assert_array_equal(np.asarray(found.array)[0], array)


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mha"])
def test_four_dimensions_with_one_slice_are_a_clip_as_their_mask_is(
    tmp_path: Path, suffix: str
) -> None:
    array = np.random.default_rng(0).integers(0, 3, (7, 1, 4, 5), dtype=np.uint8)
    image = SimpleITK.GetImageFromArray(array, isVector=False)
    image.SetSpacing((1, 2, 3, 0.25))
    path = tmp_path / f"cine.{suffix}"
    SimpleITK.WriteImage(image, str(path))
    found, mask = read_image(path), read_segmentation(path)
    assert (found.axes, mask.axes) == ("CTYX", "TYX")
    assert found.geometry.spacing_mm == mask.geometry.spacing_mm == (2, 1)
    np.testing.assert_array_equal(np.asarray(found.array)[0], array[:, 0])
    np.testing.assert_array_equal(np.asarray(mask.labels), array[:, 0])


NRRD = "NRRD0005\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n{}\n\n"
META = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\n{}\nDimSize = 2 2 2\n"
    "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
)
VECTORS = "space dimension: 3\nspace origin: (10,20,30)\nspace directions: (5,0,0) (0,5,0) (0,0,{})"


@pytest.mark.parametrize(
    ("header", "spacing"),
    [
        (NRRD.format("spacings: 5 5 6"), (6, 5, 5)),
        (NRRD.format("spacings: nan nan nan"), None),
        (NRRD.format("spacings: 5 5 nan"), None),
        (NRRD.format('spacings: 5 5 5\nunits: "um" "um" "um"'), (0.005, 0.005, 0.005)),
        (NRRD.format('spacings: 5 5 5\nunits: "um" "um" "mm"'), None),
        (NRRD.format('spacings: 5 5 5\nunits: "pixel" "pixel" "pixel"'), None),
        (NRRD.format(VECTORS.format(6)), (6, 5, 5)),
        (NRRD.format(VECTORS.format(6) + '\nspace units: "cm" "cm" "cm"'), (60, 50, 50)),
        (META.format("ElementSpacing = 5 5 6"), (6, 5, 5)),
        (META.format("ElementSpacing = 5 5 5\nDistanceUnits = um"), (0.005, 0.005, 0.005)),
        (META.format("ElementSpacing = 5 5 5\nDistanceUnits = ?"), (5, 5, 5)),
        (META.format("Comment = none"), None),
    ],
)
def test_distances_are_in_the_unit_that_the_header_names(
    tmp_path: Path, header: str, spacing: tuple[float, ...] | None
) -> None:
    path = tmp_path / ("a.nrrd" if header.startswith("NRRD") else "a.mha")
    path.write_bytes(header.encode() + bytes(8))
    for geometry in (read_image(path).geometry, read_segmentation(path).geometry):
        assert geometry.spacing_mm == (None if spacing is None else pytest.approx(spacing))
        if '"cm"' in header:
            assert geometry.origin_mm == (100, 200, 300)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha", "mhd"])
def test_a_volume_that_is_cut_short(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"volume.{suffix}"
    noise = np.random.default_rng(0).integers(0, 99, (9, 30, 30), dtype=np.uint8)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(noise), str(path))
    data = path.with_suffix(".raw") if suffix == "mhd" else path
    data.write_bytes(data.read_bytes()[: int(data.stat().st_size * share)])
    with pytest.raises(UnreadableImageError, match=rf"volume\.{suffix}"):
        read_image(path)


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 2, 2)])
def test_a_compressed_volume_beside_another_of_its_name(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    # SimpleITK alone gives the pixels of v.nii for both.
    for name, value, size in (("v.nii.gz", 2, (3, 4, 5)), ("v.nii", 1, shape)):
        image = SimpleITK.GetImageFromArray(np.full(size, value, np.uint8))
        SimpleITK.WriteImage(image, str(tmp_path / name))
    assert np.unique(read_image(tmp_path / "v.nii.gz").array).tolist() == [2]
    assert np.unique(read_image(tmp_path / "v.nii").array).tolist() == [1]


@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
def test_real_nifti_files_are_whole(shared: Path, suffix: str) -> None:
    files = sorted((shared / "data").rglob(f"*.{suffix}"))[:6]
    for path in files:
        try:
            assert read_image(path).kind == "volume"
        except UnsupportedImageError as error:
            assert "dimensions" in str(error), path
    assert files or suffix == "nii"


LARGE = (1500, 1024, 1024)
"""Of bytes: more than the limit of 1 GiB under which `tests/support/fuzzing.py` opens files."""


def large_nrrd(path: Path) -> None:
    sizes = " ".join(map(str, reversed(LARGE)))
    with path.open("wb") as file:
        file.write(f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {sizes}\n".encode())
        file.write(b"encoding: raw\n\n")
        file.truncate(file.tell() + math.prod(LARGE))


def large_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        kept = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        kept.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        kept.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple(LARGE)
        h5py.h5d.create(file.id, b"image", h5py.h5t.NATIVE_UINT8, space, kept)


def absurd_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("image", shape=(2000, 4000, 4000), chunks=(1, 100, 100), dtype="u1")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_what_does_not_fit_in_memory_is_not_called_damaged(tmp_path: Path) -> None:
    made = {"a.nrrd": large_nrrd, "b.h5": large_hdf5, "c.h5": absurd_hdf5}
    for name, make in made.items():
        make(tmp_path / name)
    paths = [str(tmp_path / name) for name in made]
    run = subprocess.run(  # noqa: S603
        [sys.executable, SUPPORT / "fuzzing.py", *paths], capture_output=True, text=True, check=True
    )
    told = [json.loads(line.partition("\t")[2]) for line in run.stdout.splitlines()]
    assert [one["error"] for one in told] == ["ours"] * 3
    for one in told[:2]:
        assert "needs 1.5 GiB of memory, more than is free" in one["sentence"]
    assert "its header says 2000 x 4000 x 4000 elements" in told[2]["sentence"]


@pytest.mark.parametrize(
    ("written", "renamed", "words"),
    [
        ("a.nii", "b.nrrd", r"seems to be NIfTI, .*\.nii\."),
        ("a.nii", "b.mha", r"seems to be NIfTI, .*\.nii\."),
        ("a.nii", "b", r"seems to be NIfTI, .*\.nii\."),
        ("a.nrrd", "b.nii", r"seems to be NRRD, .*\.nrrd\."),
        ("a.hdr", "a.hdr", "header of a NIfTI pair"),
    ],
)
def test_a_volume_under_another_name_is_told(
    tmp_path: Path, written: str, renamed: str, words: str
) -> None:
    SimpleITK.WriteImage(SimpleITK.Image(5, 4, 3, SimpleITK.sitkInt16), str(tmp_path / written))
    (tmp_path / written).rename(tmp_path / renamed)
    with pytest.raises(UnsupportedImageError, match=words):
        read_image(tmp_path / renamed)
    if renamed.startswith("b."):  # a name by which masks are read
        with pytest.raises(UnsupportedImageError, match=words):
            read_segmentation(tmp_path / renamed)


def test_the_sample_is_there() -> None:
    assert sample_path("echo").is_file()


def test_unknown_samples_are_told_the_nearest() -> None:
    with pytest.raises(
        UnknownNameError, match="'ecko'; the samples are echo, retina. Did you mean 'echo'"
    ):
        sample_path("ecko")
    with pytest.raises(UnknownNameError, match=r"the samples are echo, retina\.$"):
        sample_path("zzz")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".tif", ".png"])
def test_a_mask_of_0_and_255_is_one_class(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mask{suffix}"
    shape = (4, 5) if suffix == ".png" else (3, 4, 5)
    white = np.zeros(shape, np.uint8)
    white[..., 1:3] = 255
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(white), str(path))
    found = read_segmentation(path)
    assert found.label_set.names == {1: "class 1"}
    np.testing.assert_array_equal(found.labels, white > 0)
