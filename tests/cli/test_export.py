"""`mambaseg export` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from PIL import Image
from placed import write_series

from mambaseg.cli.main import main
from mambaseg.data import read_image, write_segmentation
from mambaseg.export import ExportPreset, OverlayStyle, overlay, read_preset, write_preset
from mambaseg.inference.record import DoubtRecord, RunRecord
from mambaseg.types import LabelSet, Segmentation

NODULE = LabelSet.from_names({1: "nodule"})


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mambaseg.export.preset.user_config_path", lambda *name, appauthor: tmp_path / "own"
    )


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A folder of eight numbered frames, with masks beside it."""
    folder = tmp_path / "clip"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(8):
        Image.fromarray(random.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(
            folder / f"{i}.png"
        )
    labels = np.zeros((8, 40, 60), np.uint8)
    labels[:, 10:30, 20:40] = 1
    write_segmentation(Segmentation(labels, "TYX", NODULE), tmp_path / "mask.nrrd")
    labels[5] = np.roll(labels[5], 6, axis=0)
    write_segmentation(Segmentation(labels, "TYX", NODULE), tmp_path / "true.nrrd")
    return folder


def run(clip: Path, *options: object) -> int:
    return main(["export", str(clip), str(clip.with_name("mask.nrrd")), *map(str, options)])


def test_a_preset_is_followed_and_options_come_before_it(clip: Path, tmp_path: Path) -> None:
    style = OverlayStyle("contour", scale=3, layout="beside")
    write_preset("clinic", ExportPreset(format="png", style=style))
    assert run(clip, "-p", "clinic", "-o", tmp_path / "a") == 0
    assert len(list((tmp_path / "a").iterdir())) == 8
    assert Image.open(tmp_path / "a" / "overlay_0003.png").size == (364, 120)
    assert run(clip, "-p", "clinic", "-o", tmp_path / "b", "--frames", "3:4", "--scale", "1") == 0
    assert Image.open(tmp_path / "b.png").size == (124, 40)
    file = tmp_path / "own" / "presets" / "clinic.yaml"
    assert run(clip, "-p", file, "-o", tmp_path / "c.mp4", "--layout", "overlay") == 0
    with av.open(str(tmp_path / "c.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 8
    assert frames[0].shape == (120, 180, 3)


def test_what_is_chosen_is_kept_as_a_preset(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--style", "contour", "--outline", "3", "--no-legend", "--time-stamp"]
    chosen.append("--keep-surroundings")
    assert main(["export", "--save-preset", "mine", "-o", "x.tif", *chosen]) == 0
    assert read_preset("mine") == ExportPreset(
        format="tiff",
        style=OverlayStyle(
            "contour", contour_width=3, legend=False, time_stamp=True, blank_outside=False
        ),
    )
    assert main(["export", "--presets"]) == 0
    assert "mine\nPresets are kept in" in capsys.readouterr().out


def test_the_worst_frames_and_before(clip: Path, tmp_path: Path) -> None:
    true = tmp_path / "true.nrrd"
    options = ["--worst", 1, "--reference", true, "--no-legend"]
    assert run(clip, "-o", tmp_path / "worst.tif", *options) == 0
    image = read_image(clip)
    labels = np.zeros((8, 40, 60), np.uint8)
    labels[:, 10:30, 20:40] = 1
    mask = Segmentation(labels, "TYX", NODULE)
    bare = OverlayStyle(legend=False)
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "worst.tif"), overlay(image, mask, bare, frame=5)
    )
    record = RunRecord(
        model="small",
        weights_sha256="0",
        versions={},
        device="cpu",
        backend="cpu",
        precision="float32",
        doubt=DoubtRecord(unit="frames", ranked=(2, 6), scores=(0.5, 0.4)),
    )
    (tmp_path / "run.json").write_text(record.model_dump_json())
    options = ["--worst", 2, "--record", tmp_path / "run.json", "--no-legend"]
    assert run(clip, "-o", tmp_path / "doubt.tif", *options) == 0
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "doubt.tif")[1], overlay(image, mask, bare, frame=6)
    )
    assert run(clip, "-o", tmp_path / "b.png", "--before", true, "--frames", "5:6") == 0
    assert Image.open(tmp_path / "b.png").size == (124, 40)
    assert run(clip, "-o", tmp_path / "s", "--sheet", 4) == 0
    assert (tmp_path / "s.png").is_file()


def test_a_sagittal_series_is_drawn_as_the_viewer_shows_it(tmp_path: Path) -> None:
    volume = np.random.default_rng(3).integers(0, 500, (5, 12, 14)).astype(np.int16)
    series = write_series(tmp_path / "series", volume, orientation=(0, 1, 0, 0, 0, -1))
    image = read_image(series)
    labels = np.zeros(image.array.shape[1:], np.uint8)
    labels[2, 3:9, 4:10] = 1
    mask = Segmentation(labels, "ZYX", NODULE, image.geometry)
    write_segmentation(mask, tmp_path / "mask.nrrd")
    assert sitk.ReadImage(tmp_path / "mask.nrrd").GetSize() == (14, 12, 5)
    command = ["export", str(series), str(tmp_path / "mask.nrrd"), "--opacity", "1"]
    assert main([*command, "-o", str(tmp_path / "a.tif"), "--no-legend"]) == 0
    pages = tifffile.imread(tmp_path / "a.tif")
    assert pages.shape == (12, 14, 5, 3), "z, y, x of the patient"
    red, green, blue = NODULE.classes[0].rgb
    assert (pages == (red, green, blue)).all(axis=-1).sum() == labels.sum()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-o", "a.png"], "a.png is one picture, and 8 frames are chosen"),
        (["-o", "a.mp4", "-p", "nobody"], "There is no preset 'nobody'; there is none yet"),
        (["-o", "a.mp4", "--opacity", "3"], "opacity must be from 0 to 1; got 3"),
        (["-o", "a.mp4", "--sheet", "4"], "a contact sheet is a picture and no mp4 film"),
        (["-o", "a.mp4", "--layout", "before_after"], "need two masks, and there is one"),
        (["-o", "a.png", "--sheet", "4", "--worst", "3"], "ask for different numbers of frames"),
        (["-o", "a.mp4", "--worst", "3"], "Nothing says which frames are worst"),
        (["-o", "a.mp4", "--frames", "5:20"], "has 8 frames or slices, and 5 to 19 were asked"),
        (["-o", "a.mp4", "--record", "gone.json"], "gone.json"),
        (["-o", "a.avi"], "Cannot write a.avi: choose .mp4"),
        ([], "An export needs an image, a mask of it, and with -o a place"),
    ],
)
def test_bad_input_is_one_sentence(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert run(clip, *options) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert sorted(tmp_path.iterdir()) == before
