"""Labels go out and come back as they were."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from placed import directions

from mambaseg.data import read_segmentation, write_segmentation
from mambaseg.types import Geometry, LabelClass, LabelSet, Provenance, Segmentation
from mambaseg.types.errors import OutputError, UnreadableImageError, UnsupportedImageError

often = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
colors = st.from_regex(r"#[0-9A-F]{6}", fullmatch=True)


@st.composite
def segmentations(draw: st.DrawFn, all_axes: str = "YX TYX ZYX TZYX") -> Segmentation:
    axes = draw(st.sampled_from(all_axes.split()))
    shape = tuple(draw(st.integers(1, 5)) for _ in axes)
    labels = draw(
        hnp.arrays(draw(st.sampled_from([np.uint8, np.int64])), shape, elements=st.integers(0, 4))
    )
    steps = draw(st.lists(st.floats(1e-3, 2.0), min_size=shape[0], max_size=shape[0]))
    length = st.floats(1e-3, 100.0)
    geometry = Geometry(
        draw(st.none() | st.tuples(*[length] * sum(axis in "ZYX" for axis in axes))),
        draw(st.none() | st.tuples(*[st.floats(-1e3, 1e3)] * 3)),
        draw(st.none() | directions()),
        draw(st.sampled_from([None, tuple(np.cumsum(steps).tolist())])) if "T" in axes else None,
    )
    classes = tuple(LabelClass(value, draw(names), draw(colors)) for value in (1, 2, 3))
    provenance = Provenance("echo", "ab" * 32, {"torch": "2.8"}, {"window": 5, "on": None}, "2025")
    return Segmentation(labels, axes, LabelSet(classes), geometry, provenance)


def example(**changes: Any) -> Segmentation:
    labels = np.random.default_rng(0).integers(0, 3, (5, 4, 6), dtype=np.uint8)
    times = tuple(i * 0.04 for i in range(5))
    label_set = LabelSet.from_names({1: "left ventricle", 2: "wall"})
    whole = Segmentation(labels, "TYX", label_set, Geometry((0.4, 0.3), frame_times_s=times))
    return replace(whole, **changes)


def assert_same(found: Segmentation, given_: Segmentation) -> None:
    assert found.axes == given_.axes
    np.testing.assert_array_equal(np.asarray(found.labels), np.asarray(given_.labels))
    assert np.asarray(found.labels).dtype == np.uint8
    assert found.label_set == given_.label_set
    assert found.geometry == given_.geometry
    assert found.provenance == given_.provenance


@often
@given(segmentation=segmentations())
@pytest.mark.parametrize("suffix", ["nrrd", "mha", "tif"])
def test_round_trip_is_exact(segmentation: Segmentation, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"labels.{suffix}"
    assert write_segmentation(segmentation, path) == ()
    assert_same(read_segmentation(path), segmentation)


@often
@given(segmentation=segmentations())
def test_simpleitk_reads_the_nrrd(segmentation: Segmentation, tmp_path: Path) -> None:
    path = tmp_path / "labels.nrrd"
    write_segmentation(segmentation, path)
    image = SimpleITK.ReadImage(str(path))
    geometry = segmentation.geometry
    n_spatial = sum(axis in "ZYX" for axis in segmentation.axes)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), segmentation.labels)
    assert image.GetSize() == segmentation.labels.shape[::-1]
    if geometry.spacing_mm:
        np.testing.assert_allclose(image.GetSpacing()[:n_spatial], geometry.spacing_mm[::-1])
    if geometry.frame_rate:
        np.testing.assert_allclose(image.GetSpacing()[-1], 1 / geometry.frame_rate)
    if n_spatial == 3 and geometry.origin_mm:
        np.testing.assert_allclose(image.GetOrigin()[:3], geometry.origin_mm)
    if segmentation.axes == "ZYX" and geometry.direction:
        np.testing.assert_allclose(image.GetDirection(), geometry.direction, atol=1e-12)


@often
@given(segmentation=segmentations("YX TYX ZYX"))
def test_png_round_trip_is_exact(segmentation: Segmentation, tmp_path: Path) -> None:
    write_segmentation(segmentation, tmp_path / "labels")
    assert_same(read_segmentation(tmp_path / "labels"), segmentation)


@often
@given(segmentation=segmentations(), suffix=st.sampled_from([".nii", ".nii.gz"]))
def test_nifti_round_trip(segmentation: Segmentation, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"labels{suffix}"
    write_segmentation(segmentation, path)
    found = read_segmentation(path)
    assert found.axes == segmentation.axes
    np.testing.assert_array_equal(np.asarray(found.labels), segmentation.labels)
    for name, tolerance in (("spacing_mm", 1e-5), ("origin_mm", 1e-3), ("direction", 1e-4)):
        value, expected = getattr(found.geometry, name), getattr(segmentation.geometry, name)
        assert (value is None) == (expected is None), name
        if expected is not None:
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=tolerance)
    times, expected = found.geometry.frame_times_s, segmentation.geometry.frame_times_s
    assert (times is None) == (expected is None)
    if times and expected:
        np.testing.assert_allclose(times[-1], expected[-1] - expected[0], rtol=1e-5)


def test_simpleitk_reads_a_clip_from_nifti_as_four_dimensional(tmp_path: Path) -> None:
    write_segmentation(example(), tmp_path / "clip.nii.gz")
    image = SimpleITK.ReadImage(str(tmp_path / "clip.nii.gz"))
    assert image.GetSize() == (6, 4, 1, 5)
    np.testing.assert_allclose(image.GetSpacing(), (0.3, 0.4, 1, 0.04), rtol=1e-6)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image)[:, 0], example().labels)


def test_png_files_are_indexed_with_the_classes_colours(tmp_path: Path) -> None:
    write_segmentation(example(), tmp_path / "labels")
    files = sorted(path.name for path in (tmp_path / "labels").iterdir())
    assert files == [*(f"frame_{i:04}.png" for i in range(5)), "segmentation.json"]
    with Image.open(tmp_path / "labels" / "frame_0003.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.array(image), np.asarray(example().labels)[3])
        palette = np.array(image.getpalette()).reshape(-1, 3)
    assert palette[0].tolist() == [0, 0, 0]
    assert palette[1].tolist() == [0xE6, 0x9F, 0x00]
    assert palette[2].tolist() == [0x56, 0xB4, 0xE9]


def test_plain_images_are_masks_by_their_numbers(tmp_path: Path) -> None:
    indexed = Image.fromarray(np.array([[0, 2], [1, 2]], np.uint8), "L").convert("P")
    indexed.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    indexed.putdata([0, 2, 1, 2])
    indexed.save(tmp_path / "indexed.png")
    assert read_segmentation(tmp_path / "indexed.png").labels.tolist() == [[0, 2], [1, 2]]
    for name in ("a.png", "a.bmp", "a.tif"):
        Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / name)
        mask = read_segmentation(tmp_path / name)
        assert (mask.labels.tolist(), mask.label_set.names) == ([[0, 1]], {1: "class 1"})
    for name, message in (("c.png", "mode RGB"), ("c.tif", "3 channels")):
        Image.new("RGB", (3, 2)).save(tmp_path / name)
        with pytest.raises(UnsupportedImageError, match=message):
            read_segmentation(tmp_path / name)


class Endless:
    """Labels of a film far too long for memory, made frame by frame."""

    shape = (4000, 240, 320)
    dtype = np.dtype(np.uint8)
    ndim = 3

    def __getitem__(self, key: Any) -> np.ndarray:
        assert isinstance(key, int), f"more than a frame was asked for at once: {key}"
        frame = np.zeros(self.shape[1:], np.uint8)
        frame[key % 200 :][:40] = 1
        return frame


def test_a_long_film_is_written_in_bounded_memory(tmp_path: Path) -> None:
    long = example(labels=Endless(), geometry=Geometry())
    tracemalloc.start()
    write_segmentation(long, tmp_path / "long.nrrd")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 240 * 320, f"{peak} bytes for frames of {240 * 320}"
    image = SimpleITK.ReadImage(str(tmp_path / "long.nrrd"))
    assert image.GetSize() == (320, 240, 4000)
    frame = SimpleITK.GetArrayFromImage(image[:, :, 3999])
    np.testing.assert_array_equal(frame, Endless()[3999])


def test_what_another_program_changed_in_the_header_is_believed(tmp_path: Path) -> None:
    labels = np.zeros((3, 4, 5), np.uint8)
    write_segmentation(
        example(labels=labels, axes="ZYX", geometry=Geometry((3.0, 2.0, 1.0))), tmp_path / "a.nrrd"
    )
    image = SimpleITK.ReadImage(str(tmp_path / "a.nrrd"))
    image.SetSpacing((7, 8, 9))
    SimpleITK.WriteImage(image, str(tmp_path / "b.nrrd"))
    found = read_segmentation(tmp_path / "b.nrrd")
    assert found.geometry.spacing_mm == (9, 8, 7)
    assert found.label_set == example().label_set


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz"])
def test_masks_of_other_programs(tmp_path: Path, suffix: str) -> None:
    labels = np.zeros((3, 4, 5), np.int16)
    labels[0, 0, :2] = 2, 7
    image = SimpleITK.GetImageFromArray(labels)
    image.SetSpacing((1, 2, 3))
    SimpleITK.WriteImage(image, str(tmp_path / f"mask{suffix}"))
    found = read_segmentation(tmp_path / f"mask{suffix}")
    assert found.axes == "ZYX"
    assert found.label_set.names == {2: "class 2", 7: "class 7"}
    assert found.geometry.spacing_mm == (3, 2, 1)
    np.testing.assert_array_equal(np.asarray(found.labels), labels)


@pytest.mark.parametrize("suffix", [".nrrd", ".nii", ""])
@pytest.mark.parametrize("labels", [np.full((5, 4, 6), 0.5), np.full((5, 4, 6), 256)])
def test_what_is_no_mask_is_refused(tmp_path: Path, suffix: str, labels: np.ndarray) -> None:
    with pytest.raises(UnsupportedImageError, match="labels must be whole numbers from 0 to 255"):
        write_segmentation(example(labels=labels), tmp_path / f"labels{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz"])
def test_an_image_is_not_read_as_a_mask(tmp_path: Path, suffix: str) -> None:
    image = SimpleITK.GetImageFromArray(np.full((3, 4, 5), -1000, np.int16))
    SimpleITK.WriteImage(image, str(tmp_path / f"ct{suffix}"))
    with pytest.raises(UnsupportedImageError, match=rf"ct{suffix}.*-1000"):
        read_segmentation(tmp_path / f"ct{suffix}")
    color = SimpleITK.GetImageFromArray(np.zeros((4, 5, 3), np.uint8), isVector=True)
    SimpleITK.WriteImage(color, str(tmp_path / "color.nrrd"))
    with pytest.raises(UnsupportedImageError, match="3 values per element"):
        read_segmentation(tmp_path / "color.nrrd")


def test_other_suffixes_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError, match=r"labels\.xyz; choose \.nrrd"):
        write_segmentation(example(), tmp_path / "labels.xyz")
    with pytest.raises(UnreadableImageError, match="does not exist"):
        read_segmentation(tmp_path / "labels.nrrd")
    (tmp_path / "labels.txt").write_text("x")
    with pytest.raises(UnsupportedImageError, match="no kind that labels are read from"):
        read_segmentation(tmp_path / "labels.txt")


@pytest.mark.parametrize("name", ["labels.nrrd", "labels.nii.gz", "labels"])
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write"):
        write_segmentation(example(), tmp_path / "file" / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_users_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(OutputError, match="holds other files"):
        write_segmentation(example(), tmp_path)
    assert (tmp_path / "holiday.jpg").read_bytes() == b"precious"


def test_a_folder_of_ours_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_segmentation(example(), tmp_path / "labels")
    shorter = example(labels=np.asarray(example().labels)[:2], geometry=Geometry())
    write_segmentation(shorter, tmp_path / "labels")
    assert len(list((tmp_path / "labels").glob("*.png"))) == 2
    assert_same(read_segmentation(tmp_path / "labels"), shorter)


def test_a_film_of_volumes_does_not_go_into_png(tmp_path: Path) -> None:
    whole = example(labels=np.zeros((2, 2, 2, 2), np.uint8), axes="TZYX", geometry=Geometry())
    with pytest.raises(UnsupportedImageError, match=r"labels\.nrrd"):
        write_segmentation(whole, tmp_path / "labels")


@pytest.mark.parametrize(
    ("name", "file", "old", "new"),
    [
        ("a.nrrd", "a.nrrd", b"mambaseg_format_version:=1", b"mambaseg_format_version:=2"),
        ("a.nii", "a.nii", b"mambaseg 1", b"mambaseg 2"),
        ("a", "a/segmentation.json", b'"format_version": 1', b'"format_version": 2'),
    ],
)
def test_newer_formats_are_refused(
    tmp_path: Path, name: str, file: str, old: bytes, new: bytes
) -> None:
    write_segmentation(example(), tmp_path / name)
    content = (tmp_path / file).read_bytes()
    assert old in content
    (tmp_path / file).write_bytes(content.replace(old, new))
    with pytest.raises(UnsupportedImageError, match="format version 2.*Update mambaseg"):
        read_segmentation(tmp_path / name)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"mambaseg_labels:=[", b"mambaseg_labels:={"),
        (b"mambaseg_axes:=TYX", b"mambaseg_axes:=TXY"),
        (b"mambaseg_axes:=TYX", b"mambaseg_axes:=YX"),
        (b'"value": 1,', b'"value": 9,'),
    ],
)
def test_damaged_headers_are_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    write_segmentation(example(), tmp_path / "a.nrrd")
    content = (tmp_path / "a.nrrd").read_bytes()
    assert old in content
    (tmp_path / "a.nrrd").write_bytes(content.replace(old, new))
    with pytest.raises(UnreadableImageError, match=r"a\.nrrd"):
        read_segmentation(tmp_path / "a.nrrd")


@pytest.mark.parametrize("name", ["a.nrrd", "a.nii", "a.nii.gz"])
def test_files_that_are_cut_short(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 3, (40, 30, 30), dtype=np.uint8)
    write_segmentation(example(labels=noise, geometry=Geometry()), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableImageError, match=name):
        read_segmentation(tmp_path / name)


def test_png_folders_that_lack_something(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    write_segmentation(example(), folder)
    Image.new("P", (9, 9)).save(folder / "frame_0004.png")
    with pytest.raises(UnreadableImageError, match=r"frame_0004\.png.*9 x 9"):
        read_segmentation(folder)
    (folder / "frame_0004.png").write_bytes(b"broken")
    with pytest.raises(UnreadableImageError, match=r"frame_0004\.png cannot be read"):
        read_segmentation(folder)
    (folder / "frame_0004.png").unlink()
    with pytest.raises(UnreadableImageError, match="4 frames, but"):
        read_segmentation(folder)
    (folder / "segmentation.json").unlink()
    with pytest.raises(UnreadableImageError, match=r"without a readable segmentation\.json"):
        read_segmentation(folder)
