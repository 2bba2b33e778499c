"""`mambaseg segment` as a user runs it: results, exit codes, and one sentence for bad input."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from models import small_model
from patience import PATIENCE_S, wait_for
from PIL import Image
from safetensors.torch import load_file, save_file

from mambaseg.cli.main import main
from mambaseg.data import read_image, read_segmentation, sample_path
from mambaseg.zoo import read_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("models")).path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A folder of twelve numbered frames."""
    folder = tmp_path / "my clip"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(12):
        blocks = random.integers(0, 255, (6, 8, 3)).astype(np.uint8)
        picture = Image.fromarray(blocks).resize((80, 60), Image.Resampling.NEAREST)
        picture.save(folder / f"{i}.png")
    return folder


def test_all_outputs_at_once(
    clip: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "out" / "deep", tmp_path / "run.json"
    arguments = ["segment", str(clip), "-m", str(model), "-o", str(out), "--report", str(report)]
    arguments += ["--device", "cpu"]
    formats = ["--masks", "nrrd", "nifti", "png", "--overlay", "png", "mp4", "gif"]
    assert main([*arguments, *formats]) == 0
    printed = capsys.readouterr().out
    assert "12 frames in" in printed
    assert "frames per second), model small, scan backend cpu, device cpu" in printed
    assert {p.name for p in out.iterdir()} == {
        "my clip_mask.nrrd",
        "my clip_mask.nii.gz",
        "my clip_masks",
        "my clip_overlays",
        "my clip_overlay.mp4",
        "my clip_overlay.gif",
    }
    masks = [
        np.asarray(read_segmentation(out / f"my clip{end}").labels[:])
        for end in ("_mask.nrrd", "_mask.nii.gz", "_masks")
    ]
    assert masks[0].shape == (12, 60, 80)
    assert 0 < masks[0].mean() < 1
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0], masks[2])
    itk = sitk.GetArrayFromImage(sitk.ReadImage(out / "my clip_mask.nrrd"))
    np.testing.assert_array_equal(itk, masks[0])
    with av.open(str(out / "my clip_overlay.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 12
    assert len(list((out / "my clip_overlays").iterdir())) == 12
    record = json.loads(report.read_text())
    assert record["weights_sha256"] == read_model(model).sha256
    assert record["choices"]["frames"] == [0, 12]
    assert record["input"]["shape"] == [3, 12, 60, 80]


def test_a_range_of_frames(clip: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["segment", str(clip), "-m", str(model), "-o", str(out), "--overlay", "png"]
    assert main([*arguments, "--frames", "2:6"]) == 0
    labels = read_segmentation(out / "my clip_mask.nrrd").labels
    assert not np.asarray(labels[6:]).any()
    overlays = sorted(p.name for p in (out / "my clip_overlays").iterdir())
    assert overlays == [f"overlay_{i:04d}.png" for i in range(2, 6)]


def test_a_second_run_replaces_the_first(clip: Path, model: Path, tmp_path: Path) -> None:
    arguments = ["segment", str(clip), "-m", str(model), "-o", str(tmp_path / "out")]
    arguments += ["--masks", "png", "--overlay", "png"]
    assert main(arguments) == 0
    assert main([*arguments, "--frames", "3:5"]) == 0
    names = [p.name for p in (tmp_path / "out" / "my clip_overlays").iterdir()]
    assert sorted(names) == ["overlay_0003.png", "overlay_0004.png"]


def test_names_with_dots_are_kept_whole(clip: Path, model: Path, tmp_path: Path) -> None:
    """As DICOM files have, whose name is a UID."""
    for name in ("1.2.840.5.1", "1.2.840.5.2"):
        copy = tmp_path / "clips" / name
        shutil.copytree(clip, copy)
        arguments = ["segment", str(copy), "-m", str(model), "-o", str(tmp_path / "out")]
        assert main([*arguments, "--masks", "nrrd", "png", "--frames", "0:2"]) == 0
    found = {p.name for p in (tmp_path / "out").iterdir()}
    ends = ("_mask.nrrd", "_masks")
    assert found == {f"1.2.840.5.{i}{end}" for i in (1, 2) for end in ends}


def test_the_current_folder_has_a_name(
    clip: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clip)
    out = tmp_path / "out"
    assert main(["segment", ".", "-m", str(model), "-o", str(out), "--frames", "0:2"]) == 0
    assert [p.name for p in out.iterdir()] == ["my clip_mask.nrrd"]


@pytest.mark.parametrize("report", ["folder", "file/run.json"])
def test_a_report_that_cannot_be_written_is_said_before_the_work(
    clip: Path, model: Path, tmp_path: Path, report: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    out = tmp_path / "out"
    arguments = ["segment", str(clip), "-m", str(model), "-o", str(out)]
    assert main([*arguments, "--report", str(tmp_path / report)]) == 2
    assert "mambaseg: error: " in capsys.readouterr().err
    assert not any(out.iterdir())


def _text_as_film(folder: Path) -> Path:
    (folder / "film.mp4").write_text("I am not a film.")
    return folder / "film.mp4"


def _truncated_film(folder: Path) -> Path:
    with av.open(str(folder / "whole.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    content = (folder / "whole.mp4").read_bytes()
    (folder / "film.mp4").write_bytes(content[: len(content) // 2])
    return folder / "film.mp4"


def _dicom_without_frames(folder: Path) -> Path:
    dataset = pydicom.dcmread(sample_path("echo"))
    dataset.NumberOfFrames = 0
    dataset.save_as(folder / "clip.dcm")
    return folder / "clip.dcm"


def _mixed_sizes(folder: Path) -> Path:
    frames = folder / "frames"
    frames.mkdir()
    for i, size in enumerate([(40, 30), (40, 30), (50, 30)]):
        Image.new("RGB", size).save(frames / f"{i}.png")
    return frames


def _empty_folder(folder: Path) -> Path:
    (folder / "nothing").mkdir()
    return folder / "nothing"


def _missing(folder: Path) -> Path:
    return folder / "missing.mp4"


@pytest.mark.parametrize(
    "make",
    [_text_as_film, _truncated_film, _dicom_without_frames, _mixed_sizes, _empty_folder, _missing],
)
def test_bad_clips_get_one_sentence_and_leave_nothing(
    make: Callable[[Path], Path], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = make(tmp_path), tmp_path / "out"
    assert main(["segment", str(clip), "-m", str(model), "-o", str(out)]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("mambaseg: error: ")
    assert clip.name in said
    assert "Traceback" not in said
    assert "\n" not in said
    assert not out.exists()


def test_weights_that_do_not_fit_their_recipe(
    clip: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = read_model(model).recipe.model_copy(update={"labels": {1: "a", 2: "b"}})
    broken, out = tmp_path / "broken.safetensors", tmp_path / "out"
    save_file(load_file(model), broken, metadata={"recipe": recipe.model_dump_json()})
    assert main(["segment", str(clip), "-m", str(broken), "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert "broken.safetensors do not fit the network 'vivim' of their Recipe" in said
    assert not any(out.glob("*"))


def test_an_output_folder_that_cannot_be_written(
    clip: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    out = tmp_path / "file" / "out"
    assert main(["segment", str(clip), "-m", str(model), "-o", str(out)]) == 2
    assert "Cannot write into the output folder" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "vivim-echo-dem"], "There is no model 'vivim-echo-dem'"),
        (["--device", "abacus"], "no device 'abacus'"),
        (["--opacity", "7"], "style is not possible"),
        (["--frames", "5:99"], "has the frames 0 to 11"),
        (["--clip-overlap", "5"], "choose 0 to 4"),
        (["--masks", "dicom-seg"], "clips and single frames are not supported yet"),
        (["--channel", "a=1.png", "--channel", "a=2.png"], "for the same one"),
    ],
)
def test_wrong_choices(
    clip: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    start = ["segment", str(clip), "-m", str(model), "-o", str(tmp_path / "out")]
    assert main([*start, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_written_does_not_keep_the_rest_from_being(
    clip: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "my clip_mask.mha").mkdir(parents=True)
    (out / "my clip_mask.nrrd").write_text("an earlier one")
    arguments = ["segment", str(clip), "-m", str(model), "-o", str(out), "--frames", "0:4"]
    assert main([*arguments, "--masks", "mha", "nrrd", "--overlay", "gif"]) == 2
    said = capsys.readouterr()
    assert "my clip_mask.mha" in said.err
    assert f"wrote {out / 'my clip_mask.nrrd'}, in place of an earlier one\n" in said.out
    assert f"wrote {out / 'my clip_overlay.gif'}\n" in said.out
    assert read_segmentation(out / "my clip_mask.nrrd").labels.shape == (12, 60, 80)


@pytest.mark.parametrize("text", ["a", "3:", "5:5", "0:99999999999999999999", "1,"])
def test_frames_to_skip_that_are_none(
    model: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["segment", "clip", "-m", str(model), "-o", "out", f"--skip={text}"])
    assert "names no frames of a clip" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["7", "a:b", "5:5", "-3:4", "9:2", "0:99999999999999999999"])
def test_frames_that_are_no_range(
    clip: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["segment", str(clip), "-m", str(model), "-o", str(tmp_path), f"--frames={text}"])
    assert "is no range of frames" in capsys.readouterr().err


def test_debug_shows_the_traceback(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["segment", str(tmp_path / "no.mp4"), "-m", str(model), "-o", str(tmp_path / "out")]
    assert main([*arguments, "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_fault_of_ours_names_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: object) -> None:
        raise RuntimeError("a wire came loose")

    monkeypatch.setattr("mambaseg.cli.models.run", fail)
    assert main(["models"]) == 1
    said = capsys.readouterr().err
    assert "unexpected RuntimeError: a wire came loose" in said
    assert "mambaseg.log" in said


def test_ctrl_c_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mambaseg.cli.models.run", stop)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "mambaseg: stopped\n"


def test_a_log_that_cannot_be_opened_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("a file in the log folder's place")
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    command = [sys.executable, "-m", "mambaseg.cli", "segment", "no.mp4", "-m", "x", "-o", "out"]
    done = subprocess.run(  # noqa: S603
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_work_goes_on_when_the_reader_of_a_pipe_leaves(
    clip: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = f"segment '{clip}' -m {model} -o {out} --report {out / 'run.json'}"
    command = f"{sys.executable} -um mambaseg.cli {words} | head -0; exit ${{PIPESTATUS[0]}}"
    subprocess.run(["/bin/bash", "-c", command], check=True)  # noqa: S603
    assert {file.name for file in out.iterdir()} == {"my clip_mask.nrrd", "run.json"}


def test_the_reader_of_a_pipe_may_leave() -> None:
    command = f"{sys.executable} -m mambaseg.cli models | head -0; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(  # noqa: S603
        ["/bin/bash", "-c", command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert not done.stderr


@pytest.mark.slow
def test_an_end_from_outside_leaves_no_temporary_folder(model: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    for i in range(60):
        Image.new("RGB", (900, 700)).save(clip / f"{i}.png")  # over 32 MiB of labels
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "mambaseg.cli", "segment", str(clip), "-m", str(model)]
    with subprocess.Popen(  # noqa: S603
        [*command, "-o", str(tmp_path / "out")], env={**os.environ, "TMPDIR": str(temporary)}
    ) as process:
        wait_for(lambda: any(temporary.glob("mambaseg-labels-*/*")))
        process.terminate()
        assert process.wait(timeout=PATIENCE_S) == 128 + signal.SIGTERM
    assert not any(temporary.iterdir())
    assert not any((tmp_path / "out").iterdir())


def test_the_script_itself_ends_with_the_exit_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mambaseg.cli", "segment", "no.mp4", "-o", "out"]
    command += ["-m", "vivim-echo-demo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 2
    assert done.stderr.startswith("mambaseg: error: no.mp4 cannot be opened")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "clip_name",
    [
        "vivim_vtus/Train/0002",
        "pydicom_testfiles/examples_ybr_color.dcm",
        *[
            f"pocus_lung_us_video/{name}"
            for name in (
                "Pneu_prospective_file3.mp4",
                "Reg_Image_18122_crop.mp4",
                "Reg_Image_181739_trimmed_crop.mp4",
                "Reg_Image_182106_crop.mp4",
                "Reg_northumbria_1009_vid6.avi",
                "Reg_pat1Image_133410.mpeg",
                "Vir_prospective_file1.mp4",
                "Vir_whitelung_h1n1.mp4",
            )
        ],
    ],
)
def test_real_clips(shared: Path, model: Path, tmp_path: Path, clip_name: str) -> None:
    clip = shared / "data" / clip_name
    assert main(["segment", str(clip), "-m", str(model), "-o", str(tmp_path / "out")]) == 0
    stem = clip.stem if clip.is_file() else clip.name
    mask = sitk.ReadImage(tmp_path / "out" / f"{stem}_mask.nrrd")
    image = read_image(clip)
    assert mask.GetSize() == (*image.spatial_shape[::-1], image.n_frames)
