"""Boxes, frames, post-processing, doubt and replays, as a user of the shell has them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models import VOLUMES, model_of, random_volume, small_model
from PIL import Image

from mambaseg.cli.main import main
from mambaseg.data import read_segmentation, write_image
from mambaseg.zoo import list_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, a volume and a model for each."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "clip").mkdir()
    random = np.random.default_rng(0)
    for i in range(12):
        blocks = random.integers(0, 255, (6, 8, 3)).astype(np.uint8)
        picture = Image.fromarray(blocks).resize((80, 60), Image.Resampling.NEAREST)
        picture.save(folder / "clip" / f"{i}.png")
    write_image(random_volume(channels=1), folder / "head.nrrd")
    small_model(folder, "small")
    small_model(folder, "other", seed=1)
    model_of(folder, "volumes", {**VOLUMES, "channels": ("t1",)})
    return folder


def segmented(folder: Path, out: Path, *arguments: str, clip: str = "clip") -> np.ndarray:
    start = ["segment", str(folder / clip), "-o", str(out), "--device", "cpu"]
    assert main([*start, *arguments]) == 0
    (mask,) = out.glob("*_mask.nrrd")
    return np.asarray(read_segmentation(mask).labels)


def test_what_a_person_may_choose(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["-m", str(folder / "small.safetensors")]
    raw = segmented(folder, tmp_path / "raw", *model)
    assert "look first at frames " in capsys.readouterr().out
    box = segmented(folder, tmp_path / "box", *model, "--box", "10:40,20:70")
    np.testing.assert_array_equal(box[:, 10:40, 20:70], raw[:, 10:40, 20:70])
    assert box.sum() == box[:, 10:40, 20:70].sum()
    report = tmp_path / "run.json"
    left = segmented(folder, tmp_path / "left", *model, "--skip", "0,4:8", "--report", str(report))
    assert not left[[0, 4, 5, 6, 7]].any()
    np.testing.assert_array_equal(left[8:], raw[8:])
    record = json.loads(report.read_text())
    assert sorted(record["doubt"]["ranked"]) == [1, 2, 3, 8, 9, 10, 11]
    assert record["options"]["skip"] == [0, 4, 5, 6, 7]
    much = segmented(folder, tmp_path / "much", *model, "--threshold", "nodule=0.2")
    little = segmented(folder, tmp_path / "little", *model, "--threshold", "nodule=0.8")
    assert little.sum() < raw.sum() < much.sum()
    mended = ["--largest", "--fill-holes", "nodule", "--median", "3", "--min-size", "20pixels"]
    calm = segmented(folder, tmp_path / "calm", *model, *mended, "--report", str(report))
    assert (calm != raw).any()
    rules = json.loads(report.read_text())["recipe"]["postprocessing"]
    assert rules["largest_component"] is True
    assert rules["fill_holes"] == ["nodule"]
    assert rules["minimum_size"] == {"value": 20.0, "unit": "pixels"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--median", "4"], "temporal_median must be odd, not 4"),
        (["--min-size", "20mm2"], "spacing of"),
        (["--min-size", "2ml"], "given in pixels or mm2, not 2 ml"),
        (["--largest", "tumour"], "'tumour' is none of nodule"),
        (["--threshold", "tumour=0.5"], "'tumour' is none of nodule"),
        (["--box", "10:40,20:90"], "does not lie in"),
        (["--box", "0:2,10:40,20:50"], "has 3 sides"),
        (["--skip", "0:12"], "nothing to segment"),
        (["--skip", "14"], "Frame 14 is to be left out"),
    ],
)
def test_choices_that_do_not_fit(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    start = ["segment", str(folder / "clip"), "-m", str(folder / "small.safetensors")]
    assert main([*start, "-o", str(tmp_path / "out"), *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "argument",
    ["--box=1:2", "--box=a", "--skip=x", "--threshold=nodule", "--threshold=n=2", "--min-size=5cm"],
)
def test_choices_that_cannot_be_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], argument: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["segment", "clip", "-m", "x", "-o", str(tmp_path), argument])
    assert "; write " in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clip", "model", "chosen"),
    [
        ("clip", "small", ["--frames", "2:11", "--skip", "5", "--median", "3"]),
        ("head.nrrd", "volumes", ["--box", "8:30,5:40,4:30", "--largest", "--no-mirror"]),
    ],
)
def test_a_replay_through_the_shell(
    folder: Path, tmp_path: Path, clip: str, model: str, chosen: list[str]
) -> None:
    """In processes of their own, as users run it."""
    shell = [sys.executable, "-m", "mambaseg.cli", "segment", str(folder / clip)]
    file = ["-m", str(folder / f"{model}.safetensors")]
    report = tmp_path / "run.json"
    first = [*shell, *file, "-o", str(tmp_path / "a"), *chosen, "--report", str(report)]
    assert subprocess.run(first, check=False).returncode == 0  # noqa: S603
    replay = [*shell, *file, "-o", str(tmp_path / "b"), "--replay", str(report)]
    done = subprocess.run(replay, check=False, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stdout
    labels = [
        np.asarray(read_segmentation(next((tmp_path / name).glob("*_mask.nrrd"))).labels)
        for name in "ab"
    ]
    np.testing.assert_array_equal(*labels)
    assert labels[0].any()
    assert str(folder) not in report.read_text()


@pytest.fixture(scope="module")
def record(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("record")
    model = ["-m", str(folder / "small.safetensors"), "--report", str(out / "run.json")]
    segmented(folder, out, *model)
    return out / "run.json"


def test_a_replay_refuses_other_weights_and_other_pixels(
    folder: Path, record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    start = ["segment", str(folder / "clip"), "-o", str(out), "--replay", str(record)]
    assert main([*start, "-m", str(folder / "other.safetensors")]) == 2
    assert "but the run was made with 'small'" in capsys.readouterr().err
    assert main(start) == 2
    assert "No model here has the weights of the run ('small'" in capsys.readouterr().err
    model = ["-m", str(folder / "small.safetensors")]
    assert main([*start, *model, "--frames", "0:3"]) == 2
    assert "takes every option from its record" in capsys.readouterr().err
    (tmp_path / "clip").mkdir()
    for file in (folder / "clip").iterdir():
        picture = np.asarray(Image.open(file)).copy()
        picture[0, 0, 0] ^= 1
        Image.fromarray(picture).save(tmp_path / "clip" / file.name)
    other = ["segment", str(tmp_path / "clip"), *model, "-o", str(out), "--replay", str(record)]
    assert main(other) == 2
    assert "has other pixels" in capsys.readouterr().err
    assert not out.exists()


def test_a_replay_warns_where_versions_differ(
    folder: Path, record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(record.read_text())
    content["versions"]["torch"] = "1.0"
    content["threads"] = threads = torch.get_num_threads() + 1
    changed = tmp_path / "run.json"
    changed.write_text(json.dumps(content))
    model = ["-m", str(folder / "small.safetensors")]
    segmented(folder, tmp_path / "out", *model, "--replay", str(changed))
    printed = capsys.readouterr().out
    assert "warning: The version of torch was 1.0, and is " in printed
    assert "threads was" not in printed
    assert torch.get_num_threads() == threads - 1


def test_a_record_is_no_model_and_no_model_no_record(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["segment", str(folder / "clip"), "-o", str(tmp_path / "out")]
    assert main(start) == 2
    assert "No model was named" in capsys.readouterr().err
    assert main([*start, "--replay", str(folder / "small.safetensors")]) == 2
    assert "is no record of a run" in capsys.readouterr().err


@pytest.mark.slow
def test_bench_measures_models(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    models = [str(folder / f"{name}.safetensors") for name in ("small", "volumes")]
    report = tmp_path / "bench.json"
    np.ones(2**30, np.uint8)  # the peak of this process is none of theirs
    assert main(["bench", *models, "--device", "cpu", "--json", str(report)]) == 0
    printed = capfd.readouterr().out
    assert "frames/s" in printed
    assert "windows/s" in printed
    rows: list[dict[str, Any]] = json.loads(report.read_text())["models"]
    assert [row["model"] for row in rows] == ["small", "volumes"]
    for row in rows:
        assert row["per_second"] > 0
        assert 50 < row["peak_memory_mib"] < 1024
        assert row["precision"] in ("float32", "bfloat16")
        assert row["backend"]


def test_bench_says_what_it_cannot_measure(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "no-such-model"]) == 2
    assert "There is no model 'no-such-model'" in capsys.readouterr().err
    assert main(["bench", "--device", "abacus"]) == 2
    assert "no device 'abacus'" in capsys.readouterr().err
    assert list_models()
