"""Nothing that leaves mambaseg says who the patient is, unless it is asked to."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from models import small_model
from PIL import Image
from placed import write_series
from ultrasound import IDENTIFIER, NAME, REGION, write_clip

from mambaseg.cli.main import main
from mambaseg.data import read_image, write_image, write_segmentation
from mambaseg.export import ExportPreset, OverlayStyle, overlay
from mambaseg.log import log_path, setup_log
from mambaseg.session import ExportRequest, export
from mambaseg.types import LabelSet, Segmentation

WORDS = ("secret", "person", IDENTIFIER.lower())


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.dcm")


def assert_nobody(text: str | bytes) -> None:
    lower = text.lower() if isinstance(text, str) else text.lower().decode("latin-1")
    assert not [word for word in WORDS if word in lower]


def mask_of(path: Path) -> Segmentation:
    image = read_image(path)
    labels = np.zeros(image.array.shape[1:], np.uint8)
    labels[:, 20:30, 20:30] = 1
    return Segmentation(labels, "TYX", LabelSet.from_names({1: "nodule"}), image.geometry)


def test_info_tells_the_patient_only_when_asked(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(clip)]) == 0
    told = capsys.readouterr().out
    assert "Modality: US" in told
    assert "64 x 48 pixels" in told
    assert "25 frames/s" in told
    assert_nobody(told)
    assert main(["info", str(clip), "--patient"]) == 0
    told = capsys.readouterr().out
    assert NAME in told
    assert IDENTIFIER in told
    write_series(tmp_path / "series", np.zeros((3, 4, 5)), SeriesDescription="T1 axial")
    assert main(["info", str(tmp_path / "series")]) == 0
    told = capsys.readouterr().out
    assert "T1 axial" in told
    assert "5 x 4 x 3 voxels" in told
    assert "0.75 x 0.5 x 2 mm" in told
    assert_nobody(told)


def test_a_run_leaves_no_name(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = small_model(tmp_path / "models", "small")
    out = tmp_path / "out"
    setup_log()
    code = main(
        f"segment {clip} -m {model.path} -o {out} --device cpu --mask nrrd nifti png "
        f"--overlay png mp4 --report {out / 'report.json'}".split()
    )
    printed = capfd.readouterr()
    assert code == 0, printed.err
    assert "was made black" in printed.out
    assert_nobody(printed.out + printed.err)
    written = [path for path in out.rglob("*") if path.is_file()]
    assert len(written) > 4
    for path in written:
        assert_nobody(path.read_bytes())
    if log_path().exists():
        assert_nobody(log_path().read_text())


def test_surroundings_are_kept_when_asked(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = small_model(tmp_path / "models", "small")
    for options, brightest in ([], 0), (["--keep-surroundings"], 255):
        out = tmp_path / f"out{brightest}"
        command = f"segment {clip} -m {model.path} -o {out} --overlay png --opacity 0"
        assert main([*command.split(), *options]) == 0
        assert ("was made black" in capsys.readouterr().out) is not bool(options)
        first = min((out / "clip_overlays").iterdir())
        assert np.asarray(Image.open(first))[0].max() == brightest


def test_exports_name_nobody_unless_asked(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_segmentation(mask_of(clip), tmp_path / "mask.nrrd")
    out = tmp_path / "out"
    for name in ("a.mp4", "a.gif", "a.tif", "a.dcm", "frames"):
        assert main(["export", str(clip), str(tmp_path / "mask.nrrd"), "-o", str(out / name)]) == 0
    assert_nobody("".join(capfd.readouterr()))
    written = [path for path in out.rglob("*") if path.is_file()]
    assert len(written) == 8
    for path in written:
        assert_nobody(path.read_bytes())
    command = f"export {clip} {tmp_path / 'mask.nrrd'} -o {out / 'named.dcm'} --patient"
    assert main(command.split()) == 0
    assert NAME.encode() in (out / "named.dcm").read_bytes()


def test_errors_and_log_leave_no_name(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clip.write_bytes(clip.read_bytes()[:3000])
    assert main(["segment", str(clip), "-m", "vivim-echo-demo", "-o", str(tmp_path / "out")]) == 2
    assert main(["info", str(clip)]) == 2
    assert_nobody("".join(capfd.readouterr()))
    if log_path().exists():
        assert_nobody(log_path().read_text())


def test_overlays_are_black_outside_the_ultrasound_region(clip: Path, tmp_path: Path) -> None:
    image, mask = read_image(clip), mask_of(clip)
    assert image.region == REGION
    style = OverlayStyle(legend=False)
    preset = ExportPreset(style=style)
    note = export(ExportRequest(image, mask, preset, tmp_path / "frames"), lambda done, total: None)
    assert "outside the ultrasound region (x 12 to 59, y 10 to 41) was made black" in note
    y0, x0, y1, x1 = REGION
    outside = np.ones((48, 64), bool)
    outside[y0:y1, x0:x1] = False
    for file in (tmp_path / "frames").iterdir():
        picture = np.asarray(Image.open(file))
        assert not picture[outside].any()
        assert picture[11, 13].tolist() == [90, 90, 90]
    export(ExportRequest(image, mask, preset, tmp_path / "film.mp4"), lambda done, total: None)
    with av.open(str(tmp_path / "film.mp4")) as film:
        for frame in film.decode(video=0):
            assert frame.to_ndarray(format="rgb24")[:6].max() < 24
    kept = overlay(image, mask, OverlayStyle(legend=False, blank_outside=False), frame=0)
    assert kept[0, 0].tolist() == [255, 255, 255]


def test_images_are_black_outside_the_ultrasound_region(clip: Path, tmp_path: Path) -> None:
    image = read_image(clip)
    (note,) = write_image(image, tmp_path / "clip.nrrd")
    assert "was made black" in note
    assert_nobody((tmp_path / "clip.nrrd").read_bytes())
    found = np.asarray(read_image(tmp_path / "clip.nrrd").array)
    y0, x0, y1, x1 = REGION
    assert found[..., y0:y1, x0:x1].min() == 90
    assert found.sum() == found[..., y0:y1, x0:x1].sum()
    assert write_image(image, tmp_path / "all.nrrd", blank=False) == ()
    assert np.asarray(read_image(tmp_path / "all.nrrd").array).max() == 255


def test_a_clip_without_a_region_says_that_nothing_was_blanked(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.dcm", SequenceOfUltrasoundRegions=None)
    (note,) = write_image(read_image(path), tmp_path / "clip.nrrd")
    assert "nothing was made black: look for text about the patient" in note
    path = write_clip(
        tmp_path / "clip.dcm", SequenceOfUltrasoundRegions=None, BurnedInAnnotation="NO"
    )
    assert write_image(read_image(path), tmp_path / "clip.nrrd") == ()
