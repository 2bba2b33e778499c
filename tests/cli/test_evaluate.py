"""Evaluate files and folders from the shell: tables, the report, and what is said."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mambaseg.cli.main import main
from mambaseg.data import write_segmentation
from mambaseg.metrics import POOLED
from mambaseg.types import Geometry, LabelSet, Segmentation

N = 5


def png(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels.astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 230, 159, 0, 86, 180, 233])
    image.save(path)


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """Five images, their masks, and those of two models: one off by 1 pixel, one by 4."""
    random = np.random.default_rng(0)
    for i in range(N):
        true = np.zeros((40, 50), np.uint8)
        true[10 + i : 20 + i, 8:20] = 1
        if i != 2:  # no vessel in this one
            true[22:30, 28 : 40 + i] = 2
        png(tmp_path / "true" / f"{i}.png", true)
        png(tmp_path / "good" / f"{i}_mask.png", np.roll(true, 1, 0))
        png(tmp_path / "poor" / f"{i}.png", np.roll(true, 4, 1))
        grey = Image.fromarray((random.random((40, 50)) * 200).astype(np.uint8))
        (tmp_path / "images").mkdir(exist_ok=True)
        grey.save(tmp_path / "images" / f"{i}.png")
    return tmp_path


def run(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


class Page(HTMLParser):
    """Checks that tags close, and keeps texts and images."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.images: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs)["src"] or "")
        elif tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_two_models_on_folders(stills: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, report = stills / "out.csv", stills / "report.html"
    outputs = ("-o", table, "-o", stills / "out.json", "--html", report)
    names = ("--classes", "1=nerve", "2=vessel", "--images", stills / "images")
    models = (stills / "good", stills / "true", "--against", stills / "poor")
    assert run(*models, *names, *outputs) == 0
    said = capsys.readouterr().out
    assert "good minus poor" in said
    assert re.search(r"nerve: Dice \+0\.\d+ \(.*\); better on 5 of 5 cases, worse on 0", said)
    assert f"wrote {stills / 'out_good.csv'}" in said

    with (stills / "out_good.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    dice = {
        line["case"]: float(line["value"])
        for line in lines
        if (line["class_name"], line["measure"]) == ("nerve", "Dice")
    }
    assert dice == pytest.approx({**{str(i): 0.9 for i in range(N)}, POOLED: 0.9})
    vessel = {
        line["case"]: float(line["value"])
        for line in lines
        if (line["class_name"], line["measure"]) == ("vessel", "Dice")
    }
    assert vessel["2"] == 1  # both empty
    assert vessel[POOLED] == pytest.approx(7 / 8)
    assert json.loads((stills / "out_poor.json").read_text())["prediction"] == str(stills / "poor")

    page = Page(report.read_text(encoding="utf-8"))
    text = " ".join(page.texts)
    for expected in ("good against poor", "Pooled over all pixels", "The worst, by Dice", "HD95"):
        assert expected in text
    assert "http" not in re.sub(r"data:\S+", "", report.read_text()).replace("http-equiv", "")
    assert all(image.startswith("data:image/") for image in page.images)
    pictures = [image for image in page.images if image.startswith("data:image/png")]
    assert len(pictures) == N
    assert "2: nerve 0.9" in text  # the absent vessel's 1 is not shown as an achievement


def test_one_file_and_a_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    true = np.zeros((6, 20, 24), np.uint8)
    for t in range(6):
        true[t, 5:12, 3 + t : 12 + t] = 1
    found = true.copy()
    found[4] = np.roll(found[4], 5, axis=1)
    nodule, geometry = LabelSet.from_names({1: "nodule"}), Geometry((0.5, 0.5))
    for name, labels in (("found.nrrd", found), ("true", true)):
        write_segmentation(Segmentation(labels, "TYX", nodule, geometry), tmp_path / name)
    assert run(tmp_path / "found.nrrd", tmp_path / "true", "--html", tmp_path / "r.html") == 0
    said = capsys.readouterr().out
    assert "over 6 frames" in said
    assert re.search(r"nodule: HD95 \d+\.\d+ mm", said)
    text = " ".join(Page((tmp_path / "r.html").read_text(encoding="utf-8")).texts)
    assert "true, frame 4: nodule" in text
    assert "Temporal consistency" in text


def test_volumes_by_slice_and_regions(tmp_path: Path) -> None:
    labels = np.zeros((5, 8, 9), np.uint8)
    labels[1:4, 2:6, 2:7] = 2
    labels[2, 3:5, 3:6] = 4
    codes = LabelSet.from_names({1: "class 1", 2: "class 2", 4: "class 4"})
    mask = Segmentation(labels, "ZYX", codes, Geometry((1.0, 1.0, 1.0)))
    write_segmentation(mask, tmp_path / "a.nii.gz")
    write_segmentation(mask, tmp_path / "b.nii.gz")
    pair = (tmp_path / "a.nii.gz", tmp_path / "b.nii.gz")
    table = tmp_path / "t.csv"
    assert run(*pair, "--brats", "--slices", "--only", "WT", "ET", "-o", table) == 0
    with table.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {line["class_name"] for line in lines} == {"WT", "ET"}
    assert {line["frame"] for line in lines} == {"", *"01234"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{good}", "{true}/1.png"], "is one mask and .* a folder"),
        (["{good}", "{few}"], r"few has no 3_mask.png, 4_mask.png\. Each prediction needs"),
        (["{few}", "{true}"], r"few has no 3.png, 4.png\."),
        (["{true}", "{none}"], "none does not exist"),
        (["{true}", "{empty}"], "empty holds no masks"),
        (["{twice}", "{true}"], "0.png and 0_mask.png are both masks of 0"),
        (["{small}", "{true}"], r"0.png against .*0.png: .* along y 20 and 40; along x 25 and 50"),
        (["{good}", "{true}", "--unit", "mm"], "Millimetres were asked for, but neither mask"),
        (["{good}", "{true}", "--measures", "Deice"], "Deice is no measure; choose among Dice"),
        (["{good}", "{true}", "--only", "cyst"], "no class cyst; the masks have class 1, class 2"),
        (["{good}", "{true}", "--classes", "1=nerve"], r"prediction holds the values 2, but"),
        (["{good}", "{true}", "--classes", "0=ground"], "The classes are not possible"),
        (["{good}", "{true}", "--against", "{good}"], "Both models are called good"),
        (["{good}", "{true}", "--names", "a", "b"], "2 names were given for 1 models"),
        (["{images}", "{true}"], r"holds the class 3, which no reference has; they have 1, 2\."),
        (["{colour}/0.png", "{true}/0.png"], "mode RGB; a mask with one number at each pixel"),
        (["{broken}/0.png", "{true}/0.png"], "damaged or cut short"),
        (["{good}", "{true}", "--tolerance", "-1"], "tolerance of NSD is -1"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(
    stills: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(N):
        png(stills / "small" / f"{i}.png", np.ones((20, 25)))
        png(stills / "twice" / f"{i}.png", np.ones((40, 50)))
    for i in range(3):
        png(stills / "few" / f"{i}.png", np.ones((40, 50)))
    png(stills / "twice" / "0_mask.png", np.ones((40, 50)))
    (stills / "empty").mkdir()
    (stills / "colour").mkdir()
    Image.new("RGB", (50, 40)).save(stills / "colour" / "0.png")
    (stills / "broken").mkdir()
    (stills / "broken" / "0.png").write_bytes((stills / "true" / "0.png").read_bytes()[:60])
    names = ("good", "true", "few", "none", "empty", "twice", "small", "images", "colour", "broken")
    places = {name: stills / name for name in names}
    table = stills / "table.csv"
    assert run(*(part.format(**places) for part in arguments), "-o", table) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("mambaseg: error: ")
    assert re.search(message, said), said
    assert not table.exists()


def test_masks_of_0_and_255_and_other_sizes(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 255
    for name, pixels in (("found", mask[::2, ::2]), ("true", mask)):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "a.png")
    table = tmp_path / "t.json"
    assert run(tmp_path / "found", tmp_path / "true", "--resample", "-o", table) == 0
    rows = json.loads(table.read_text())["rows"]
    (dice,) = (r["value"] for r in rows if r["measure"] == "Dice" and r["case"] == "a")
    assert dice > 0.8


def test_cells_by_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    true = np.zeros((60, 60), np.uint16)
    for i in range(16):  # they touch, and there are more than classes may be
        true[15 * (i // 4) : 15 * (i // 4) + 15, 15 * (i % 4) : 15 * (i % 4) + 15] = 300 + i
    found = true.copy()
    found[:15, :30] = 900  # two are taken for one
    for name, mask in (("found", found), ("true", true)):
        (tmp_path / name).mkdir()
        Image.fromarray(mask).save(tmp_path / name / "cells_label.tif")
    table, page = tmp_path / "t.json", tmp_path / "r.html"
    pair = (tmp_path / "found", tmp_path / "true")
    assert run(*pair, "--objects", "-o", table, "--html", page) == 0
    assert "object: F1 at 0.5 0.9032" in capsys.readouterr().out  # 14 of 15 and 16
    rows = {row["measure"]: row["value"] for row in json.loads(table.read_text())["rows"]}
    assert rows["Instance IoU"] == pytest.approx((14 + 2 * 0.5) / 16)
    assert "cells: object" in page.read_text(encoding="utf-8")


def test_real_cells(shared: Path, tmp_path: Path) -> None:
    labels = shared / "data" / "neurips_cellseg" / "labels"
    table = tmp_path / "t.json"
    assert run(labels, labels, "--objects", "-o", table) == 0
    rows = json.loads(table.read_text())["rows"]
    assert len(rows) == 9
    assert {row["value"] for row in rows} == {1.0}


def test_a_real_tumour_by_region(shared: Path, tmp_path: Path) -> None:
    mask = shared / "data" / "brats2021_00006" / "BraTS2021_00006_seg.nii.gz"
    table = tmp_path / "t.json"
    assert run(mask, mask, "--brats", "-o", table) == 0
    rows = json.loads(table.read_text())["rows"]
    assert {row["class_name"] for row in rows} == {"WT", "TC", "ET"}
    assert {row["value"] for row in rows if row["measure"] == "HD95"} == {0.0}
    assert {row["unit"] for row in rows if row["measure"] == "HD95"} == {"mm"}
