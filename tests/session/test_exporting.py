"""Exports as the panel and the shell ask for them: each format's pixels, and what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.uid import (
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)
from ultrasound import IDENTIFIER, NAME, REGION, write_clip

from mambaseg.data import read_image
from mambaseg.export import ExportPreset, FrameComposer, OverlayStyle
from mambaseg.inference.record import DoubtRecord
from mambaseg.session import ExportRequest, export
from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import (
    Cancelled,
    InvalidOptionError,
    OutputError,
    UnsupportedImageError,
)

STYLE = OverlayStyle(scale=2)
NODULE = LabelSet.from_names({1: "nodule"})
N = 12


@pytest.fixture
def pair() -> tuple[MedicalImage, Segmentation]:
    """A clip of noise and a square on it."""
    array = np.random.default_rng(2).integers(0, 255, (3, N, 40, 60), dtype=np.uint8)
    times = tuple(t / 20 for t in range(N))
    place = Geometry((0.4, 0.3), frame_times_s=times)
    image = MedicalImage(array, "CTYX", place, ("red", "green", "blue"), "clip.mp4")
    labels = np.zeros((N, 40, 60), np.uint8)
    labels[:, 10:30, 20:40] = 1
    return image, Segmentation(labels, "TYX", NODULE, place)


@pytest.fixture
def reference(pair: tuple[MedicalImage, Segmentation]) -> Segmentation:
    """The true mask: 7, 3 and 9 are off, in this order; 5 is of neither."""
    labels = np.asarray(pair[1].labels).copy()
    for frame, rows in ((7, 12), (3, 8), (9, 4)):
        labels[frame] = np.roll(labels[frame], rows, axis=0)
    return replace(pair[1], labels=labels, geometry=Geometry())


def nothing(done: int, total: int) -> None:
    """Tell nobody."""


def write(pair: Any, path: Path, preset: ExportPreset, **more: Any) -> str:
    return export(ExportRequest(*pair, preset, path, **more), nothing)


def pictures(pair: Any, frames: Any, style: OverlayStyle = STYLE) -> np.ndarray:
    composer = FrameComposer(*pair, style)
    return np.stack([composer.compose(frame) for frame in frames])


def test_pages_of_tiff_are_the_pictures(pair: Any, tmp_path: Path) -> None:
    told = write(pair, tmp_path / "a.tif", ExportPreset(style=STYLE), frames=range(2, 7))
    assert told == f"Wrote {tmp_path / 'a.tif'}."
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 5
        assert file.pages.first.photometric.name == "RGB"
        across, per = file.pages.first.tags["XResolution"].value
        assert across / per == pytest.approx(10 / 0.15)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), pictures(pair, range(2, 7)))
    assert read_image(tmp_path / "a.tif").array.shape == (3, 5, 80, 120)
    first = (tmp_path / "a.tif").read_bytes()
    write(pair, tmp_path / "a.tif", ExportPreset(style=STYLE), frames=range(2, 7))
    assert (tmp_path / "a.tif").read_bytes() == first


def test_the_worst_frames_come_first(pair: Any, reference: Segmentation, tmp_path: Path) -> None:
    preset = ExportPreset(format="tiff", frames="worst", count=3, style=STYLE)
    write(pair, tmp_path / "a.tif", preset, reference=reference)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), pictures(pair, (7, 3, 9)))
    doubt = DoubtRecord(unit="frames", ranked=(4, 7, 1), scores=(0.9, 0.5, 0.2))
    write(pair, tmp_path / "b.tif", preset, doubt=doubt, frames=range(2, 8))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), pictures(pair, (4, 7)))
    write(pair, tmp_path / "worst", preset, reference=reference)
    names = sorted(file.name for file in (tmp_path / "worst").iterdir())
    assert names == ["overlay_0003.png", "overlay_0007.png", "overlay_0009.png"]
    with pytest.raises(InvalidOptionError, match="Nothing says which frames are worst"):
        write(pair, tmp_path / "c.tif", preset)
    with pytest.raises(UnsupportedImageError, match="None of the frames has a rank"):
        write(pair, tmp_path / "c.tif", preset, doubt=doubt, frames=range(8, 10))
    assert not (tmp_path / "c.tif").exists()


def test_a_contact_sheet_shows_frames_and_captions(
    pair: Any, reference: Segmentation, tmp_path: Path
) -> None:
    style = OverlayStyle(scale=4, legend=False)
    preset = ExportPreset(format="png", sheet=True, count=4, style=style)
    write(pair, tmp_path / "a.png", preset)
    sheet = np.asarray(Image.open(tmp_path / "a.png"))
    places = []
    for frame in (0, 4, 7, 11):  # evenly spaced
        (picture,) = pictures(pair, [frame], style)
        found = [
            (top, left)
            for top in range(sheet.shape[0] - 159)
            for left in (6, 252)
            if np.array_equal(sheet[top : top + 160, left : left + 240], picture)
        ]
        assert len(found) == 1
        places += found
        below = sheet[found[0][0] + 160 :][:20, found[0][1] : found[0][1] + 240]
        assert below.max() > 200, "a caption"
    assert places == sorted(places)
    assert len(set(places)) == 4
    for name in ("b.tif", "b.dcm"):
        write(pair, tmp_path / name, preset)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), sheet)
    captured = pydicom.dcmread(tmp_path / "b.dcm")
    assert captured.SOPClassUID == SecondaryCaptureImageStorage
    np.testing.assert_array_equal(captured.pixel_array, sheet)
    worst = preset.model_copy(update={"frames": "worst"})
    write(pair, tmp_path / "c.png", worst, reference=reference)
    assert Image.open(tmp_path / "c.png").size == Image.open(tmp_path / "a.png").size
    with pytest.raises(UnsupportedImageError, match=r"a\.mp4 is no picture"):
        write(pair, tmp_path / "a.mp4", preset)


def test_secondary_capture_of_a_clip(tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "clip.dcm",
        StudyDate="20200102",
        LossyImageCompression="01",
        LossyImageCompressionRatio="12.5",
        BurnedInAnnotation="YES",
    )
    source = pydicom.dcmread(clip)
    image = read_image(clip)
    labels = np.zeros((4, 48, 64), np.uint8)
    labels[:, 20:30, 20:30] = 1
    pair = image, Segmentation(labels, "TYX", NODULE, image.geometry)
    preset = ExportPreset(format="dicom", style=STYLE)
    told = write(pair, tmp_path / "a.dcm", preset, origin=str(clip))
    assert "names no patient" in told
    assert "was made black" in told
    made = pydicom.dcmread(tmp_path / "a.dcm")
    np.testing.assert_array_equal(made.pixel_array, pictures(pair, range(4)))
    assert made.SOPClassUID == MultiFrameTrueColorSecondaryCaptureImageStorage
    assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert (made.PhotometricInterpretation, made.ConversionType) == ("RGB", "WSD")
    assert made.ImageType[0] == "DERIVED"
    assert made.StudyInstanceUID == source.StudyInstanceUID
    assert made.SeriesInstanceUID != source.SeriesInstanceUID
    assert made.SOPInstanceUID != source.SOPInstanceUID
    assert made.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert (made.Modality, made.LossyImageCompression) == ("US", "01")
    assert made.LossyImageCompressionRatio == 12.5
    assert made.BurnedInAnnotation == "NO", "what surrounds the picture is black"
    assert (float(made.FrameTime), made.NumberOfFrames) == (40.0, 4)
    assert made.FrameIncrementPointer == 0x00181063
    assert list(made.PixelSpacing) == [0.25, 0.25]
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate"):
        assert made[keyword].is_empty, "it must be there, and say nothing"
    assert NAME.encode() not in (tmp_path / "a.dcm").read_bytes()
    again = read_image(tmp_path / "a.dcm")
    assert again.axes == "CTYX"
    assert again.geometry.spacing_mm == (0.25, 0.25)
    assert again.geometry.frame_rate == pytest.approx(25)

    kept = preset.model_copy(update={"style": replace(STYLE, blank_outside=False)})
    told = write(pair, tmp_path / "b.dcm", kept, origin=str(clip), patient=True)
    named = pydicom.dcmread(tmp_path / "b.dcm")
    assert (named.PatientName, named.PatientID, named.StudyDate) == (NAME, IDENTIFIER, "20200102")
    assert named.BurnedInAnnotation == "YES"
    assert "names no patient" not in told
    assert named.pixel_array[:, : 2 * REGION[0]].max() == 255


def test_secondary_capture_of_what_is_no_dicom(
    pair: Any, reference: Segmentation, tmp_path: Path
) -> None:
    preset = ExportPreset(format="dicom", frames="worst", count=3, style=STYLE)
    told = write(pair, tmp_path / "a.dcm", preset, reference=reference, origin="gone.mp4")
    assert "belongs to no study" in told
    made = pydicom.dcmread(tmp_path / "a.dcm")
    assert made.FrameIncrementPointer == 0x00182001
    assert list(made.PageNumberVector) == [7, 3, 9]
    assert "FrameTime" not in made
    assert made.BurnedInAnnotation == "YES", "nobody knows that there is none"


def test_what_was_asked_for_and_is_not_known_is_told(pair: Any, tmp_path: Path) -> None:
    style = OverlayStyle(scale_bar=True, time_stamp=True, scale=4)
    told = write(pair, tmp_path / "a.png", ExportPreset(style=style), frames=range(1))
    assert told == f"Wrote {tmp_path / 'a.png'}."
    bare = replace(pair[0], geometry=Geometry()), replace(pair[1], geometry=Geometry())
    told = write(bare, tmp_path / "a.png", ExportPreset(style=style), frames=range(1))
    assert "No scale bar was drawn, as the spacing is not known." in told
    assert "No time was written, as the frame rate is not known." in told


@pytest.mark.parametrize(
    ("name", "told"),
    [("a.png", r"a\.png is one picture, and 12 frames are chosen"), ("a.avi", r"choose \.mp4")],
)
def test_files_that_do_not_fit_are_refused(pair: Any, tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(UnsupportedImageError, match=told):
        write(pair, tmp_path / name, ExportPreset())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.tif", "a.dcm", "a.png"])
def test_cancelling_leaves_nothing(pair: Any, tmp_path: Path, name: str) -> None:
    def cancel(done: int, total: int) -> None:
        if done == 2:
            raise Cancelled("Cancelled.")

    preset = ExportPreset(format="png", sheet=name.endswith("png"))
    with pytest.raises(Cancelled):
        export(ExportRequest(*pair, preset, tmp_path / name), cancel)
    assert not list(tmp_path.iterdir())


def test_too_large_a_capture_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    class Endless:
        """Frames that nobody reads."""

        shape, ndim, dtype = (60, 6000, 8000), 3, np.dtype(np.uint8)

    lazy: Any = Endless()
    image = MedicalImage(np.broadcast_to(np.uint8(0), (1, 60, 6000, 8000)), "CTYX")
    mask = Segmentation(lazy, "TYX", NODULE)
    with pytest.raises(OutputError, match="too large for a DICOM file, which holds 4 GiB"):
        write((image, mask), tmp_path / "a.dcm", ExportPreset())
    assert not list(tmp_path.iterdir())
