"""Correct, fine-tune and evaluate from the shell."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image
from verified import disc_film, nodule_model, verified_store

from mambaseg.cli.main import main
from mambaseg.corrections import Store
from mambaseg.data import read_segmentation, write_segmentation
from mambaseg.metrics import evaluate
from mambaseg.types import Segmentation


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A folder of frames and the masks of them, mask.nrrd beside it."""
    film, masks = disc_film(20)
    (tmp_path / "clip").mkdir()
    for i, frame in enumerate(np.moveaxis(np.asarray(film.array), 0, -1)):
        Image.fromarray(frame).save(tmp_path / "clip" / f"{i}.png")
    write_segmentation(Segmentation(masks.labels, "TYX", masks.label_set), tmp_path / "mask.nrrd")
    return tmp_path / "clip"


def test_the_whole_loop(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, store, run = nodule_model(tmp_path).path, tmp_path / "store", tmp_path / "run"
    mask = tmp_path / "mask.nrrd"
    add = ["corrections", "add", str(store), str(clip), str(mask), "--frames", "0,5,10:12,18"]
    assert main(add) == 0
    (case,) = Store(store).cases()
    assert f"{case}: 5 of 20 frames verified: [0, 5, 10, 11, 18]" in capsys.readouterr().out

    report = tmp_path / "run.json"
    tune = ["finetune", str(model), "--data", str(store), "--run", str(run), "--minutes", "0.1"]
    tune += ["--held-out", f"{case}:5", "--name", "tuned", "--device", "cpu"]
    assert main([*tune, "--report", str(report)]) == 0
    printed = capsys.readouterr().out
    assert "starting from parent: 4 frames train, 1 are held out" in printed
    assert "held-out Dice nodule" in printed
    assert "before: mean held-out Dice nodule" in printed
    record = json.loads(report.read_text())
    assert record["format_version"] == 1
    assert record["config"]["held_out"] == {case: [5]}
    assert f"wrote {record['model']} (SHA-256 {record['sha256']})" in printed

    out = tmp_path / "out"
    assert main(["segment", str(clip), "-m", record["model"], "-o", str(out)]) == 0
    found, table = out / "clip_mask.nrrd", tmp_path / "scores.csv"
    capsys.readouterr()
    both = ["-o", str(table), "-o", str(tmp_path / "scores.json")]
    assert main(["evaluate", str(found), str(mask), *both]) == 0
    assert "nodule: Recall " in capsys.readouterr().out
    rows = evaluate(read_segmentation(found), read_segmentation(mask))
    with table.open(newline="") as file:
        lines = [
            line
            for line in csv.DictReader(file)
            if line["frame"] and line["measure"] in {row.measure for row in rows}
        ]
    assert len(lines) == len(rows) == 20 * 4
    for line, row in zip(lines, rows, strict=True):
        assert (int(line["frame"]), line["class_name"]) == (row.frame, row.class_name)
        assert (line["measure"], float(line["value"])) == (row.measure, row.value)
    record = json.loads((tmp_path / "scores.json").read_text())
    assert (record["prediction"], record["reference"]) == (str(found), str(mask))

    labels = store / "labelsTr" / f"{case}.nrrd"
    assert main(["evaluate", str(mask), str(labels)]) == 0
    assert "nodule: Dice 1.0000 over 5 frames" in capsys.readouterr().out


def test_forgetting_frames_and_clips(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    (case,) = verified_store(store, [1, 2, 3]).cases()
    assert main(["corrections", "remove", str(store), case, "--frames", "2"]) == 0
    assert "[1, 3]" in capsys.readouterr().out
    assert main(["corrections", "remove", str(store), case]) == 0
    assert main(["corrections", "list", str(store)]) == 0
    assert case not in capsys.readouterr().out.splitlines()[-1]


def test_classes_are_named(clip: Path, tmp_path: Path) -> None:
    masks = sitk.GetImageFromArray(np.asarray(read_segmentation(tmp_path / "mask.nrrd").labels))
    sitk.WriteImage(masks, tmp_path / "of another program.nrrd")
    store, mask = tmp_path / "store", tmp_path / "of another program.nrrd"
    add = ["corrections", "add", str(store), str(clip), str(mask), "--frames", "0"]
    assert main([*add, "--classes", "1=cyst"]) == 0
    classes = Store(store).label_set
    assert classes is not None
    assert classes.names == {1: "cyst"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["corrections", "list", "{file}"], "cannot be read"),
        (["corrections", "list", "{no}"], "is no store of corrections"),
        (["corrections", "export", "{store}", "{no}.txt"], "does not end in .zip"),
        (
            ["corrections", "add", "{films}", "{clip}", "{mask}", "--frames", "0"],
            "holds 'film.mp4' and is no store",
        ),
        (["corrections", "remove", "{store}", "x"], "holds no case 'x'"),
        (["corrections", "add", "{store}", "{no}", "{mask}", "--frames", "0"], "no cannot be"),
        (["corrections", "add", "{store}", "{clip}", "{no}", "--frames", "0"], "no does not exist"),
        (["corrections", "add", "{store}", "{clip}", "{mask}", "--frames", "90"], "frames 0 to 19"),
        (
            ["corrections", "add", "{s}", "{clip}", "{mask}", "--frames=0", "--classes", "0=x"],
            "The classes are not possible",
        ),
        (["finetune", "m", "--data", "{store}", "--run", "{run}"], "There is no model 'm'"),
        (
            ["finetune", "{model}", "--data", "{empty}", "--run", "{run}"],
            "holds no verified frames",
        ),
        (["finetune", "{model}", "--data", "{no}", "--run", "{run}"], "There is no folder"),
        (
            ["finetune", "{model}", "--data", "{store}", "--run", "{films}"],
            "holds 'film.mp4' and is no folder of a run",
        ),
        (
            ["finetune", "{model}", "--data", "{store}", "--run", "{run}", "--minutes=-1"],
            "minutes: Input should be greater than 0",
        ),
        (["finetune", "{model}", "--data", "{store}", "--run", "{file}"], "Cannot write into"),
        (["evaluate", "{no}", "{mask}"], "no does not exist"),
        (["evaluate", "{mask}", "{other}"], "compare masks of one image"),
        (["evaluate", "{mask}", "{mask}", "-o", "{file}/x.csv"], "Cannot write"),
        (["evaluate", "{mask}", "{mask}", "--html", "{store}"], "is a folder; name a file"),
        (["evaluate", "{mask}", "{mask}", "--names", "a/b"], "cannot be called 'a/b'"),
        (["evaluate", "{mask}", "{mask}", "-o", "{no}.xlsx"], "choose .csv, .json, .parquet"),
    ],
)
def test_bad_input_gets_one_sentence(
    clip: Path,
    tmp_path: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ("file", "store", "no", "mask", "clip", "s", "run", "model", "empty", "other", "films")
    places = {name: tmp_path / name for name in names}
    places["mask"] = tmp_path / "mask.nrrd"
    places["file"].touch()
    places["empty"].mkdir()
    places["films"].mkdir()
    (places["films"] / "film.mp4").touch()
    verified_store(places["store"], [1, 9])
    places["model"] = nodule_model(tmp_path).path
    places["other"] = tmp_path / "other.nrrd"
    masks = disc_film(7)[1]
    write_segmentation(Segmentation(masks.labels, "TYX", masks.label_set), places["other"])
    assert main([part.format(**places) for part in arguments]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("mambaseg: error: ")
    assert message in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["corrections", "add", "s", "c", "m", "--frames", "a"], "'a' names no frames"),
        (["corrections", "add", "s", "c", "m", "--frames", "5:5"], "'5:5' names no frames"),
        (["corrections", "add", "s", "c", "m", "--frames=0", "--classes", "x"], "names no class"),
        (["corrections", "add", "s", "c", "m"], "--frames"),
        (["finetune", "m", "--data", "s", "--run", "r", "--held-out", "5"], "CASE:40,41 or none"),
        (["finetune", "m", "--data", "s"], "--run"),
    ],
)
def test_arguments_that_are_none(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err
