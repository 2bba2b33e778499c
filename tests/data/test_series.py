"""DICOM series: volumes that lie where they lie, and sentences for those that make none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from PIL import Image
from placed import write_series
from pydicom import dcmread
from pydicom.uid import RLELossless

from mambaseg.data import list_parts, open_channels, open_image, read_image, write_image
from mambaseg.data import parts as parts_module
from mambaseg.data.deferred import DeferredArray
from mambaseg.types import Geometry, MedicalImage
from mambaseg.types.errors import MambasegError, UnreadableImageError, UnsupportedImageError

RANDOM = np.random.default_rng(0)
NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: {}\nencoding: raw\n{}\n"
META = "NDims = 3\nDimSize = {}\nElementType = MET_SHORT\nElementDataFile = {}\n"
VOLUME = RANDOM.integers(-500, 900, (6, 7, 8))
OBLIQUE = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0].T[:2].ravel().tolist()


@pytest.mark.parametrize("orientation", [[1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], OBLIQUE])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_series_is_the_volume_that_simpleitk_reads(
    tmp_path: Path, orientation: list[float], compressed: bool
) -> None:
    series = write_series(
        tmp_path / "s", VOLUME, orientation=orientation, RescaleSlope=2, RescaleIntercept=-10
    )
    if compressed:
        for file in series.iterdir():
            dataset = dcmread(file)
            dataset.compress(RLELossless, generate_instance_uid=False)
            dataset.save_as(file)
    image = read_image(series)
    assert image.axes == "CZYX"
    np.testing.assert_array_equal(np.asarray(image.array)[0], VOLUME * 2 - 10)
    if compressed:  # SimpleITK reads no RLE
        return
    itk = SimpleITK.ReadImage(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(series)))
    np.testing.assert_array_equal(np.asarray(image.array)[0], SimpleITK.GetArrayFromImage(itk))
    np.testing.assert_allclose(image.geometry.spacing_mm, itk.GetSpacing()[::-1])
    np.testing.assert_allclose(image.geometry.origin_mm, itk.GetOrigin(), atol=1e-5)
    np.testing.assert_allclose(image.geometry.direction, itk.GetDirection(), atol=1e-6)


def test_headers_alone_tell_what_a_series_is(tmp_path: Path) -> None:
    series = write_series(
        tmp_path / "s", VOLUME, SeriesDescription="T1", WindowCenter=40, WindowWidth=400
    )
    image = open_image(series)
    assert isinstance(image.array, DeferredArray)
    for file in series.iterdir():
        file.write_bytes(file.read_bytes()[:-40])
    assert image.array.shape == (1, 6, 7, 8)
    assert image.window == (-160, 240)
    assert image.header == {"Modality": "CT", "SeriesDescription": "T1"}
    with pytest.raises(UnreadableImageError, match="fewer pixels than its header states"):
        np.asarray(image.array)


def test_volumes_at_several_times(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    uid = "1.2.3.4"
    for time in range(3):
        names = [f"{time}-{z}" for z in range(6)]
        write_series(
            folder, VOLUME + time, names=names, TriggerTime=40 * time, SeriesInstanceUID=uid
        )
    image = read_image(folder)
    assert image.axes == "CTZYX"
    assert image.geometry.frame_times_s == pytest.approx((0, 0.04, 0.08))
    for time in range(3):
        np.testing.assert_array_equal(np.asarray(image.array)[0, time], VOLUME + time)


def times_of(folder: Path, depth: int, *moments: dict[str, Any]) -> Path:
    """Write one series with the first slices of VOLUME once for each of some moments."""
    for time, elements in enumerate(moments):
        names = [f"{time}-{z}" for z in range(depth)]
        write_series(
            folder, VOLUME[:depth] + time, names=names, SeriesInstanceUID="1.2.3.4", **elements
        )
    return folder


def test_what_only_counts_the_times_gives_no_seconds(tmp_path: Path) -> None:
    counted = [{"TriggerTime": 0, "TemporalPositionIdentifier": 3 - time} for time in range(3)]
    image = read_image(times_of(tmp_path / "s", 6, *counted))
    assert image.axes == "CTZYX"
    assert image.geometry.frame_times_s is None
    assert "does not say when they were" in image.notes[0]
    np.testing.assert_array_equal(np.asarray(image.array)[0, 0], VOLUME + 2)
    acquired = [{"TriggerTime": 0, "AcquisitionTime": time} for time in ("125958", "130001.5")]
    image = read_image(times_of(tmp_path / "t", 6, *acquired))
    assert image.geometry.frame_times_s == (0, 3.5)


def test_one_slice_at_several_times_is_a_clip(tmp_path: Path) -> None:
    moments = [{"TriggerTime": 40 * time, "SliceThickness": 8} for time in range(3)]
    image = read_image(times_of(tmp_path / "s", 1, *moments))
    assert (image.axes, image.array.shape) == ("CTYX", (1, 3, 7, 8))
    assert image.geometry.spacing_mm == (0.5, 0.75)
    assert image.geometry.frame_times_s == pytest.approx((0, 0.04, 0.08))
    np.testing.assert_array_equal(np.asarray(image.array)[0, 2], VOLUME[0] + 2)


def test_a_single_slice_is_a_volume(tmp_path: Path) -> None:
    image = read_image(write_series(tmp_path / "s", VOLUME[:1], SliceThickness=3))
    assert image.array.shape == (1, 1, 7, 8)
    assert image.geometry.spacing_mm == (3, 0.5, 0.75)
    image = read_image(write_series(tmp_path / "t", VOLUME[:1]))
    assert image.geometry.spacing_mm is None


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({"SliceThickness": 0}, None),
        ({"SpacingBetweenSlices": -3, "SliceThickness": 2}, (2, 0.5, 0.75)),
        ({"SpacingBetweenSlices": "1e999"}, None),
        ({"SliceThickness": 2, "PixelSpacing": ["1e999", "1"]}, None),
        ({"SliceThickness": 2, "PixelSpacing": [0, 1]}, None),
    ],
)
def test_distances_that_cannot_be_are_unknown(
    tmp_path: Path, elements: dict[str, Any], spacing: tuple[float, ...] | None
) -> None:
    image = read_image(write_series(tmp_path / "s", VOLUME[:1], **elements))
    assert image.geometry.spacing_mm == spacing


@pytest.mark.parametrize("turn", [[0] * 6, [1, 0, 0, 1, 0, 0], [1, 0, 0, 0, "1e999", 0]])
def test_directions_that_cannot_be_are_refused(tmp_path: Path, turn: list[float]) -> None:
    series = write_series(tmp_path / "s", VOLUME, ImageOrientationPatient=turn)
    with pytest.raises(UnreadableImageError, match="no two directions at right angles"):
        read_image(series)


@pytest.mark.parametrize("place", [["nan", 0, 0], [0, 0, "1e999"]])
def test_places_that_cannot_be_are_refused(tmp_path: Path, place: list[float]) -> None:
    series = write_series(tmp_path / "s", VOLUME[:2], ImagePositionPatient=place)
    with pytest.raises(UnreadableImageError, match="lie at no place"):
        read_image(series)


def lost(series: Path, *numbers: int) -> None:
    for file in series.iterdir():
        if dcmread(file, specific_tags=["InstanceNumber"]).InstanceNumber in numbers:
            file.unlink()


def test_slices_that_are_missing_are_named(tmp_path: Path) -> None:
    series = write_series(tmp_path / "s", VOLUME)
    lost(series, 3, 5)
    with pytest.raises(UnsupportedImageError, match="lacks slices: 1 between 2 and 4, 1 between 4"):
        read_image(series)
    image = read_image(series, resample=True)
    assert image.array.shape == (1, 6, 7, 8)
    assert "were resampled" in image.notes[0]
    expected = np.rint((VOLUME[1] + VOLUME[3]) / 2)
    np.testing.assert_array_equal(np.asarray(image.array)[0, 2], expected)
    np.testing.assert_array_equal(np.asarray(image.array)[0, 3], VOLUME[3])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"depths": [0, 2, 4, 6.7, 8, 10]}, "lie 1.3 to 2.7 mm apart"),
        ({"depths": [0, 2, 2, 4, 6, 8]}, "2 slices at one place \\(numbers 2, 3\\)"),
    ],
)
def test_series_that_make_no_volume(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    series = write_series(tmp_path / "s", VOLUME, **options)
    with pytest.raises(UnsupportedImageError, match=reason):
        read_image(series)


def test_a_tilted_gantry_is_named(tmp_path: Path) -> None:
    series = write_series(tmp_path / "s", VOLUME)
    for file in series.iterdir():
        dataset = dcmread(file)
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, float(y) + 0.3 * (dataset.InstanceNumber - 1), z]
        dataset.save_as(file)
    with pytest.raises(UnsupportedImageError, match=r"gantry tilted by 8\.5 degrees"):
        read_image(series)


@pytest.mark.parametrize(("numbers", "shift"), [((2, 3), 10), ((6,), 0.5)])
def test_a_slice_that_is_shifted_sideways_is_named(
    tmp_path: Path, numbers: tuple[int, ...], shift: float
) -> None:
    series = write_series(tmp_path / "s", np.concatenate([VOLUME, VOLUME]), orientation=OBLIQUE)
    for file in series.iterdir():
        dataset = dcmread(file)
        if dataset.InstanceNumber in numbers:
            along_x = np.array(dataset.ImageOrientationPatient[:3], float)
            place = np.array(dataset.ImagePositionPatient, float) + shift * along_x
            dataset.ImagePositionPatient = place.tolist()
            dataset.save_as(file)
    words = rf"number [{''.join(map(str, numbers))}], that lies {shift} mm sideways"
    with pytest.raises(UnsupportedImageError, match=words):
        read_image(series)


def test_mixed_series_ask_which(tmp_path: Path) -> None:
    write_series(tmp_path, VOLUME, names=[f"a{z}" for z in range(6)], SeriesDescription="CT")
    write_series(
        tmp_path,
        VOLUME[:, :5],
        names=[f"b{z}" for z in range(6)],
        SeriesDescription="CT",
        SeriesInstanceUID="1.2.3",
    )
    with pytest.raises(UnsupportedImageError, match=r"holds 2 images: 'CT', 'CT \(2\)'. Choose"):
        read_image(tmp_path)
    assert read_image(f"{tmp_path}::CT (2)").array.shape == (1, 6, 5, 8)
    assert read_image(tmp_path, "1.2.3").array.shape == (1, 6, 5, 8)


def test_digits_that_a_maker_rounded_make_no_other_series(tmp_path: Path) -> None:
    for z, slant in enumerate((0.0004999, 0.0005001, 0.0004999)):
        write_series(
            tmp_path,
            VOLUME[z : z + 1],
            names=[str(z)],
            origin=(0, 0, 2 * z),
            orientation=(1, slant, 0, -slant, 1, 0),
            spacing=(2, 0.50005 + slant, 0.75),
            SeriesInstanceUID="1.2.3",
        )
    assert [len(part.files) for part in list_parts(tmp_path)] == [3]


def test_a_localizer_is_a_series_for_each_direction(tmp_path: Path) -> None:
    for name, turn in ("a", [1, 0, 0, 0, 1, 0]), ("b", [0, 1, 0, 0, 0, -1]):
        names = [f"{name}{z}" for z in range(3)]
        write_series(tmp_path, VOLUME[:3], names=names, orientation=turn, SeriesInstanceUID="1.2.3")
    assert [len(part.files) for part in list_parts(tmp_path)] == [3, 3]


def test_a_damaged_slice_is_named(tmp_path: Path) -> None:
    series = write_series(tmp_path / "s", VOLUME)
    (series / "0003").write_bytes((series / "0003").read_bytes()[:300])
    with pytest.raises(MambasegError, match=r"s/0003.* damaged") as caught:
        read_image(series)
    assert "Secret" not in str(caught.value)


def test_an_element_that_is_damaged_is_told_as_damage(tmp_path: Path) -> None:
    """pydicom finds some damage only when an element is asked for."""
    series = write_series(tmp_path / "s", VOLUME)
    content = (series / "0000").read_bytes()
    (series / "0000").write_bytes(content.replace(b"\x08\x00\x60\x00CS", b"\x08\x00\x60\x00GS"))
    with pytest.raises(UnreadableImageError, match=r"s/0000.* damaged"):
        read_image(series)


def test_a_damaged_slice_hides_no_other_series(tmp_path: Path) -> None:
    for name in ("good", "bad"):
        write_series(tmp_path / name, VOLUME, SeriesDescription=name)
    broken = tmp_path / "bad" / "0003"
    broken.write_bytes(broken.read_bytes()[:300])
    assert [part.name for part in list_parts(tmp_path)] == ["bad", "good"]
    assert read_image(tmp_path, "good").array.shape == (1, *VOLUME.shape)
    with pytest.raises(UnreadableImageError, match=r"bad/0003.* damaged"):
        read_image(tmp_path, "bad")


def test_a_damaged_slice_beside_several_series_is_noted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        names = [f"{name}{z}" for z in range(len(VOLUME))]
        write_series(tmp_path, VOLUME, names=names, SeriesDescription=name)
    (tmp_path / "b5").write_bytes((tmp_path / "b5").read_bytes()[:300])
    parts = list_parts(tmp_path)
    assert [part.name for part in parts] == ["a", "b"]
    for part in parts:
        assert "b5 cannot be read as DICOM" in " ".join(part.open().notes)


def test_pictures_beside_a_study_do_not_hide_it(tmp_path: Path) -> None:
    write_series(tmp_path / "DICOM", VOLUME, SeriesDescription="CT")
    Image.new("L", (8, 8)).save(tmp_path / "logo.png")
    assert [part.kind for part in list_parts(tmp_path)] == ["series"]
    Image.new("L", (8, 8)).save(tmp_path / "help.png")
    assert [part.kind for part in list_parts(tmp_path)] == ["series", "frames"]
    assert read_image(tmp_path, "CT").array.shape == (1, *VOLUME.shape)


def test_more_files_than_are_looked_through_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write_series(tmp_path / name, VOLUME)
    monkeypatch.setattr(parts_module, "_MOST_FILES", 11)
    with pytest.raises(UnsupportedImageError, match="hold more than 11 files"):
        list_parts(tmp_path)


def test_long_names_with_spaces_and_accents(tmp_path: Path) -> None:
    folder = tmp_path / ("é ü " * 25) / ("ß" * 120) / "séries du 3 mars"
    image = read_image(write_series(folder, VOLUME))
    path = folder / ("à" * 60 + " b.nrrd")
    assert len(str(path)) > 300
    write_image(image, path)
    np.testing.assert_array_equal(read_image(path).array, image.array)


def volume_at(path: Path, origin: tuple[float, float, float], value: float) -> Path:
    array = np.full((1, 4, 5, 6), value, np.float32)
    turn = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    write_image(MedicalImage(array, "CZYX", Geometry((2, 1, 1), origin, turn)), path)
    return path


def test_files_as_channels(tmp_path: Path) -> None:
    paths = [volume_at(tmp_path / f"case_{i:04}.nii.gz", (0, 0, 0), i) for i in range(3)]
    image = open_channels(paths, ["T1", "T2", "FLAIR"])
    assert image.channel_names == ("T1", "T2", "FLAIR")
    assert np.asarray(image.array)[:, 0, 0, 0].tolist() == [0, 1, 2]
    (tmp_path / "dataset.json").write_text('{"channel_names": {"0": "T1", "1": "T2", "2": "PD"}}')
    assert read_image(tmp_path).channel_names == ("T1", "T2", "PD")
    away = volume_at(tmp_path / "away.nrrd", (0, 0, 1), 5)
    with pytest.raises(UnsupportedImageError, match=r"begins at z = 1 mm .* at 0 mm"):
        open_channels([paths[0], away])
    moved = open_channels([paths[0], away], resample=True)
    assert np.asarray(moved.array)[1, 2, 2, 2] == 5
    other = tmp_path / "other.nrrd"
    write_image(MedicalImage(np.zeros((1, 3, 5, 6), np.float32), "CZYX"), other)
    with pytest.raises(UnsupportedImageError, match="has 3 slices along z, but .* has 4"):
        open_channels([paths[0], other])


def test_odd_values_are_counted(tmp_path: Path) -> None:
    array = np.zeros((1, 3, 4, 5), np.float32)
    array[0, 0, 0, :3] = np.nan, np.inf, -np.inf
    write_image(MedicalImage(array, "CZYX"), tmp_path / "a.nrrd")
    assert (
        "3 of 60 elements are infinite or no numbers" in read_image(tmp_path / "a.nrrd").notes[-1]
    )


@pytest.mark.parametrize(
    ("name", "header", "reason"),
    [
        (
            "a.nrrd",
            NRRD.format("1000000000 9 9", ""),
            "1000000000 x 9 x 9",
        ),
        (
            "a.nrrd",
            NRRD.format("0 9 9", ""),
            "no elements",
        ),
        (
            "a.nrrd",
            NRRD.format("2 2 2", "data file: /etc/passwd\n"),
            "lie in '/etc/passwd'",
        ),
        (
            "a.nrrd",
            NRRD.format("2 2 2", "data file: gone.raw\n"),
            "gone.raw, which is not beside",
        ),
        (
            "a.mha",
            META.format("1000000000 9 9", "LOCAL"),
            "1000000000 x 9 x 9",
        ),
        (
            "a.mhd",
            META.format("2 2 2", "../a.raw"),
            "'../a.raw'",
        ),
    ],
)
def test_headers_that_are_absurd_or_reach_out(
    tmp_path: Path, name: str, header: str, reason: str
) -> None:
    (tmp_path / name).write_bytes(header.encode() + bytes(64))
    with pytest.raises(MambasegError, match=reason):
        read_image(tmp_path / name)


def test_a_nifti_header_of_a_thousand_million_is_refused_at_once(tmp_path: Path) -> None:
    write_image(MedicalImage(np.zeros((1, 3, 4, 5), np.uint8), "CZYX"), tmp_path / "a.nii")
    data = bytearray((tmp_path / "a.nii").read_bytes())
    data[42:48] = np.array([32767] * 3, "<i2").tobytes()
    (tmp_path / "a.nii").write_bytes(data)
    with pytest.raises(UnreadableImageError, match="32767 x 32767 x 32767 elements"):
        read_image(tmp_path / "a.nii")
