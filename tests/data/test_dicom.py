"""DICOM images and clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    MPEG4HP41,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
    RTDoseStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

from mambaseg.data import read_image, sample_path
from mambaseg.types.errors import MambasegError, UnreadableImageError, UnsupportedImageError

PATIENT = "Secret^Person"


def region(**changes: Any) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType = 1, 1
    item.RegionLocationMinX0, item.RegionLocationMinY0 = 2, 1
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = 37, 27
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = 0.05, 0.04
    for name, value in changes.items():
        setattr(item, name, value)
    return item


def clip(pixels: np.ndarray, **elements: Any) -> Dataset:
    """A multi-frame ultrasound file of pixels (T, Y, X) or (T, Y, X, 3)."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID, dataset.Modality = PATIENT, "ID-4711", "US"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = pixels.shape[:3]
    dataset.SamplesPerPixel = 3 if pixels.ndim == 4 else 1
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 4 else "MONOCHROME2"
    if pixels.ndim == 4:
        dataset.PlanarConfiguration = 0
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def save(dataset: Dataset, path: Path) -> Path:
    dataset.save_as(path, enforce_file_format=True)
    return path


def grey(n_frames: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n_frames, 30, 40), dtype=np.uint8)


def test_the_echo_clip_is_grey_and_complete() -> None:
    image = read_image(sample_path("echo"))
    assert (image.axes, image.array.shape) == ("CTYX", (3, 30, 240, 320))
    assert image.channel_names == ("red", "green", "blue")
    sector = np.asarray(image.array)[:, :, 60:180, 100:220].astype(int)
    assert sector.max() > 150
    # Turned to RGB twice, or never, it would be green or pink.
    assert np.abs(sector[0] - sector[1]).mean() < 2
    assert np.abs(sector[1] - sector[2]).mean() < 2
    times = image.geometry.frame_times_s
    assert times is not None
    np.testing.assert_allclose(times, np.arange(30) * 0.033333, atol=1e-9)


def test_the_echo_clips_calibration_is_not_trusted() -> None:
    image = read_image(sample_path("echo"))
    assert image.geometry.spacing_mm is None
    assert "x 84 to 595" in image.notes[0]
    assert "320 x 240" in image.notes[0]


def test_frames_are_pydicoms_own(shared: Path) -> None:
    for name in ("examples_ybr_color", "SC_rgb_rle_2frame"):
        path = shared / "data" / "pydicom_testfiles" / f"{name}.dcm"
        image = read_image(path)
        reference = dcmread(path).pixel_array.transpose(3, 0, 1, 2)
        for index in (image.n_frames - 1, 0):
            np.testing.assert_array_equal(image.array[:, index], reference[:, index])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless])
@pytest.mark.parametrize("color", [False, True])
def test_frames_of_every_form(tmp_path: Path, syntax: str, color: bool) -> None:
    pixels = grey()
    if color:
        pixels = np.stack([pixels, pixels // 2, 255 - pixels], axis=-1)
    dataset = clip(pixels)
    if syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    image = read_image(save(dataset, tmp_path / "clip.dcm"))
    expected = np.moveaxis(pixels, -1, 0) if color else pixels[None]
    np.testing.assert_array_equal(np.asarray(image.array), expected)
    assert image.channel_names == (("red", "green", "blue") if color else ("intensity",))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_monochrome1_is_inverted(tmp_path: Path, dtype: type) -> None:
    limits = np.iinfo(dtype)
    pixels = np.array([limits.min, 0, limits.max], dtype).reshape(1, 1, 3).repeat(2, axis=0)
    dataset = clip(pixels, PhotometricInterpretation="MONOCHROME1")
    array = np.asarray(read_image(save(dataset, tmp_path / "clip.dcm")).array)
    assert array.dtype == dtype
    assert array[0, 0, 0].tolist() == [limits.max, limits.max + limits.min, limits.min]


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2, -100)])
def test_the_window_of_monochrome1_is_inverted_with_its_pixels(
    tmp_path: Path, slope: int, intercept: int
) -> None:
    """What the header shows darkest stays darkest, and so does what it shows brightest."""
    stored = np.array([0, 100, 350, 600, 4095], np.uint16).reshape(1, 1, 5)
    dataset = clip(stored, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    dataset.WindowCenter, dataset.WindowWidth = 350 * slope + intercept, 500 * slope
    dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
    image = read_image(save(dataset, tmp_path / "clip.dcm"))
    assert image.window is not None
    black, white = image.window
    shown = (np.asarray(image.array).ravel() - black) / (white - black)
    assert shown[1:4].tolist() == [1, 0.5, 0]
    assert shown[0] > 1
    assert shown[4] < 0


@pytest.mark.parametrize("offsets", [[0, 3, 6, 9], [30, 33, 36, 39]])
def test_a_dose_grid_is_a_volume(tmp_path: Path, offsets: list[float]) -> None:
    dose = np.random.default_rng(0).integers(0, 999, (4, 5, 6), dtype=np.uint16)
    dataset = clip(dose, Modality="RTDOSE", GridFrameOffsetVector=offsets)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = RTDoseStorage
    dataset.ImagePositionPatient, dataset.PixelSpacing = [10, 20, 30], [2.0, 2.5]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image = read_image(save(dataset, tmp_path / "dose.dcm"))
    assert (image.axes, image.geometry.spacing_mm) == ("CZYX", (3, 2, 2.5))
    assert image.geometry.origin_mm == (10, 20, 30)
    np.testing.assert_array_equal(np.asarray(image.array)[0], dose)


def test_frames_that_say_where_they_lie_are_slices_whatever_the_modality(tmp_path: Path) -> None:
    pixels = grey()
    dataset = clip(pixels, Modality="XA", PixelSpacing=[1, 1])
    shared, plane = Dataset(), Dataset()
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = [plane]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for index in range(len(pixels)):
        groups, place = Dataset(), Dataset()
        place.ImagePositionPatient = [0, 0, 2 * index]
        groups.PlanePositionSequence = [place]
        dataset.PerFrameFunctionalGroupsSequence.append(groups)
    image = read_image(save(dataset, tmp_path / "clip.dcm"))
    assert (image.axes, image.geometry.spacing_mm) == ("CZYX", (2, 1, 1))


def test_palettes_become_colours(tmp_path: Path) -> None:
    dataset = clip(np.array([[[0, 1]], [[1, 0]]], np.uint8))
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for name, values in (("Red", (0, 200)), ("Green", (10, 100)), ("Blue", (20, 50))):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [2, 0, 16])
        table = (np.array(values, np.uint16) * 257).tobytes()
        setattr(dataset, f"{name}PaletteColorLookupTableData", table)
    array = np.asarray(read_image(save(dataset, tmp_path / "clip.dcm")).array)
    assert array.dtype == np.uint8
    assert array[:, 0, 0].T.tolist() == [[0, 10, 20], [200, 100, 50]]
    assert array[:, 1, 0].T.tolist() == [[200, 100, 50], [0, 10, 20]]


def spacing_and_notes(folder: Path, **elements: Any) -> tuple[Any, str]:
    image = read_image(save(clip(grey(), FrameTime="40", **elements), folder / "clip.dcm"))
    return image.geometry.spacing_mm, " ".join(image.notes)


def test_a_calibration_that_fits_is_believed(tmp_path: Path) -> None:
    other = region(RegionSpatialFormat=2, PhysicalUnitsXDirection=4)  # an M-mode strip
    spacing, notes = spacing_and_notes(tmp_path, SequenceOfUltrasoundRegions=[region(), other])
    assert spacing == pytest.approx((0.4, 0.5))
    assert notes == (
        "Millimetres hold only inside the region that the header calibrates (x 2 to 37, y 1 to 27)."
    )


def test_regions_that_agree_are_believed(tmp_path: Path) -> None:
    spacing, _ = spacing_and_notes(tmp_path, SequenceOfUltrasoundRegions=[region(), region()])
    assert spacing == pytest.approx((0.4, 0.5))


@pytest.mark.parametrize(
    ("regions", "reason"),
    [
        ([region(RegionLocationMaxX1=75)], "not lie inside the image of 40 x 30"),
        ([region(RegionLocationMaxY1=31)], "not lie inside"),
        ([region(PhysicalUnitsXDirection=4)], "other than cm"),
        ([region(), region(PhysicalDeltaX=0.06)], "differently"),
        ([region(PhysicalDeltaX=0.0)], "zero or no distance"),
        ([region(RegionSpatialFormat=2)], "no two-dimensional region"),
    ],
)
def test_a_calibration_that_does_not_fit_is_explained(
    tmp_path: Path, regions: list[Dataset], reason: str
) -> None:
    spacing, notes = spacing_and_notes(tmp_path, SequenceOfUltrasoundRegions=regions)
    assert spacing is None
    assert reason in notes
    assert "spacing is unknown" in notes


@pytest.mark.parametrize(
    ("elements", "times"),
    [
        ({"FrameTime": "40"}, [0, 0.04, 0.08, 0.12]),
        ({"FrameTimeVector": ["0", "10", "30", "10"]}, [0, 0.01, 0.04, 0.05]),
        ({"FrameTimeVector": ["0", "10"], "CineRate": "50"}, [0, 0.02, 0.04, 0.06]),
        ({"FrameTimeVector": ["0", "0", "0", "0"], "FrameTime": "20"}, [0, 0.02, 0.04, 0.06]),
        ({"RecommendedDisplayFrameRate": "10"}, [0, 0.1, 0.2, 0.3]),
        ({"FrameTime": "0"}, None),
        ({}, None),
    ],
)
def test_frame_times(tmp_path: Path, elements: dict[str, Any], times: list[float] | None) -> None:
    image = read_image(save(clip(grey(), **elements), tmp_path / "clip.dcm"))
    found = image.geometry.frame_times_s
    if times is None:
        assert found is None
        assert "frame times are unknown" in image.notes[0]
    else:
        assert found == pytest.approx(times)


def test_single_images(tmp_path: Path) -> None:
    pixels = grey(1).astype(np.int16)
    dataset = clip(pixels, PixelSpacing=["0.5", "0.25"], RescaleSlope="2", RescaleIntercept="-9")
    dataset.SOPClassUID, dataset.Modality = CTImageStorage, "CT"
    image = read_image(save(dataset, tmp_path / "slice.dcm"))
    assert (image.axes, image.geometry.spacing_mm) == ("CYX", (0.5, 0.25))
    np.testing.assert_array_equal(image.array[0], pixels[0] * 2.0 - 9)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = save(clip(grey()), tmp_path / "clip.png")
    assert read_image(path).n_frames == 4


def no_frames(dataset: Dataset) -> None:
    dataset.NumberOfFrames = 0


def no_pixels(dataset: Dataset) -> None:
    del dataset.PixelData


def few_pixels(dataset: Dataset) -> None:
    dataset.NumberOfFrames = 9


def few_compressed_frames(dataset: Dataset) -> None:
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.NumberOfFrames = 9


def no_rows(dataset: Dataset) -> None:
    del dataset.Rows


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (no_frames, "holds no frames"),
        (no_pixels, "no pixel data"),
        (few_pixels, "fewer pixels than the 9 frames"),
        (few_compressed_frames, "fewer pixels than the 9 frames"),
        (no_rows, "damaged"),
    ],
)
def test_spoilt_files(tmp_path: Path, spoil: Any, reason: str) -> None:
    dataset = clip(grey())
    spoil(dataset)
    with pytest.raises(UnreadableImageError, match=rf"clip\.dcm.*{reason}"):
        read_image(save(dataset, tmp_path / "clip.dcm"))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 0.999])
def test_files_that_are_cut_short(tmp_path: Path, compressed: bool, share: float) -> None:
    dataset = clip(grey())
    if compressed:
        dataset.compress(RLELossless, generate_instance_uid=False)
    path = save(dataset, tmp_path / "clip.dcm")
    content = path.read_bytes()[: int(path.stat().st_size * share)]
    path.write_bytes(content[:-20])
    with pytest.raises(UnreadableImageError) as caught:
        read_image(path)
    assert "Secret" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_a_damaged_frame_is_named(tmp_path: Path) -> None:
    dataset = clip(grey())
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset.PixelData = encapsulate([b"nonsense" * 20] * 4)
    with pytest.raises(UnreadableImageError, match=r"clip\.dcm: frame 0 cannot be decoded"):
        read_image(save(dataset, tmp_path / "clip.dcm"))


def test_a_syntax_without_a_decoder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydicom.pixels.decoders import JPEGLSLosslessDecoder

    monkeypatch.setattr(JPEGLSLosslessDecoder, "_available", {})
    dataset = clip(grey())
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    dataset.PixelData = encapsulate([b"1234"] * 4)
    with pytest.raises(UnsupportedImageError, match="JPEG-LS.*pylibjpeg"):
        read_image(save(dataset, tmp_path / "clip.dcm"))


@pytest.mark.parametrize(
    ("syntax", "remedy"),
    [
        (MPEG4HP41, "export it from its archive as mp4"),
        (HTJ2K, "pylibjpeg-openjpeg"),
        (DeflatedExplicitVRLittleEndian, r"installed\. Export the file uncompressed"),
    ],
)
def test_what_helps_depends_on_the_syntax(tmp_path: Path, syntax: str, remedy: str) -> None:
    dataset = clip(grey())
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax != DeflatedExplicitVRLittleEndian:
        dataset.PixelData = encapsulate([b"1234"] * 4)
    with pytest.raises(UnsupportedImageError, match=remedy):
        read_image(save(dataset, tmp_path / "clip.dcm"))


@pytest.mark.parametrize("name", ["clip.dcm", "clip"])
@pytest.mark.parametrize("begin", [132, "dataset"])
def test_dicom_without_its_head_is_told(tmp_path: Path, name: str, begin: int | str) -> None:
    whole = save(clip(grey()), tmp_path / "whole.dcm").read_bytes()
    start = whole.index(b"\x08\x00\x16\x00UI") if begin == "dataset" else begin
    (tmp_path / name).write_bytes(whole[start:])
    with pytest.raises(UnsupportedImageError, match="seems to be DICOM that was saved without"):
        read_image(tmp_path / name)


def test_no_message_or_note_holds_the_patient(tmp_path: Path) -> None:
    path = save(
        clip(grey(), SequenceOfUltrasoundRegions=[region(RegionLocationMaxX1=75)]),
        tmp_path / "clip.dcm",
    )
    image = read_image(path)
    assert image.source == str(path)
    assert PATIENT not in f"{image.source} {image.notes}"


def test_every_real_file_opens_or_is_refused_with_a_sentence(shared: Path) -> None:
    opened = []
    for path in sorted((shared / "data" / "pydicom_testfiles").iterdir()):
        try:
            image = read_image(path)
        except MambasegError as error:
            assert path.name in str(error)
        else:
            assert np.asarray(image.array).size
            opened.append(path.stem)
    assert len(opened) == 13
    assert {"examples_ybr_color", "OBXXXX1A_2frame", "CT_small", "examples_palette"} <= {*opened}
