"""Data sets of every layout: what they are taken for, what they hold, what is wrong with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import layouts
import numpy as np
import pytest
from verified import verified_store

from mambaseg.data.datasets import check_dataset, open_dataset, read_case
from mambaseg.types.errors import DataSetError

EXPECTED = {
    "nnunet": ("an nnU-Net raw data set", 4, 4, "CZYX", (2, *layouts.SIZE), {1: "ball"}),
    "decathlon": (
        "a Medical Segmentation Decathlon task",
        4,
        4,
        "CZYX",
        (1, *layouts.SIZE),
        {1: "ball"},
    ),
    "paired": ("folders of images and masks", 4, 4, "CYX", (1, 40, 48), None),
    "paired_with_split": ("folders of images and masks", 4, 4, "CYX", (1, 40, 48), None),
    "clips": ("clips as folders of frames", 2, 2, "CTYX", (3, 4, 40, 48), None),
    "brats": (
        "BraTS cases",
        2,
        2,
        "CZYX",
        (4, *layouts.SIZE),
        {1: "necrotic core", 2: "oedema", 3: "enhancing tumour"},
    ),
    "acdc": (
        "ACDC heart MRI",
        4,
        2,
        "CZYX",
        (1, *layouts.SIZE),
        {1: "right ventricle", 2: "myocardium", 3: "left ventricle"},
    ),
}
EXPECTED["acdc_h5"] = EXPECTED["acdc"]


@pytest.mark.parametrize("layout", layouts.MAKERS)
def test_each_layout_is_told_and_read(tmp_path: Path, layout: str) -> None:
    layouts.MAKERS[layout](tmp_path)
    title, n_cases, n_groups, axes, shape, classes = EXPECTED[layout]
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, len(dataset.cases)) == (title, n_cases)
    assert len({case.group for case in dataset.cases}) == n_groups
    assert dataset.classes == classes
    assert dataset.has_split == (layout == "paired_with_split")
    image, labels = read_case(dataset.cases[0], dataset)
    assert (image.axes, tuple(image.array.shape)) == (axes, shape)
    inside = 3 if layout == "brats" else 1  # 4 stands for 3
    expected = layouts.ball(0, shape[-2:] if image.kind != "volume" else shape[1:])
    if layout == "clips":
        assert (labels[2] == 255).all()  # has no mask
        labels = labels[0]
    assert np.array_equal(labels, inside * expected)
    report = check_dataset(dataset)
    assert report.problems == []
    assert [case.shape for case in report.cases] == [shape] * n_cases


def test_a_store_of_corrections_is_a_data_set(tmp_path: Path) -> None:
    store = verified_store(tmp_path, [4, 12])
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, dataset.ignore) == ("an nnU-Net raw data set", 2)
    assert dataset.classes == {1: "nodule"}
    (case,) = dataset.cases
    image, labels = read_case(case, dataset)
    assert (case.name, image.axes) == (store.cases()[0], "CTYX")
    known = (labels != 2).any(axis=(1, 2))
    assert np.flatnonzero(known).tolist() == [4, 12]


def test_a_channel_axis_in_the_place_of_time(tmp_path: Path) -> None:
    """The Decathlon's brain tumours: four channels in one NIfTI of four axes."""
    import SimpleITK

    layouts.decathlon(tmp_path, 1)
    volumes = [SimpleITK.GetImageFromArray(layouts.ball(0)) for _ in range(4)]
    SimpleITK.WriteImage(SimpleITK.JoinSeries(volumes), str(tmp_path / "imagesTr/c0.nii.gz"))
    content = json.loads((tmp_path / "dataset.json").read_text())
    content["modality"] = {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    dataset = open_dataset(tmp_path)
    image, _ = read_case(dataset.cases[0], dataset)
    assert (image.axes, image.array.shape) == ("CZYX", (4, *layouts.SIZE))
    assert image.channel_names == ("FLAIR", "T1w", "t1gd", "T2w")


def _empty(folder: Path) -> None:
    for name in ("images", "masks"):
        shutil.rmtree(folder / name)
        (folder / name).mkdir()


def _elsewhere(folder: Path) -> None:
    content = {
        "channel_names": {"0": "x"},
        "labels": {"background": 0, "a": 1},
        "dataset": {"c": {"images": ["../../secret.nii.gz"], "label": "labelsTr/c.nii.gz"}},
    }
    (folder / "dataset.json").write_text(json.dumps(content))


def _no_json(folder: Path) -> None:
    (folder / "dataset.json").write_text("{")


def _no_masks(folder: Path) -> None:
    shutil.rmtree(folder / "masks")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_empty, "was taken for folders of images and masks, but holds no image with a mask"),
        (_elsewhere, "names the file '../../secret.nii.gz', which does not lie in"),
        (_no_json, "dataset.json cannot be read as JSON"),
        (_no_masks, "is no data set of a known layout: not nnU-Net, because it holds no dataset"),
        (lambda folder: shutil.rmtree(folder), "There is no folder"),
    ],
    ids=["empty", "elsewhere", "no-json", "no-masks", "gone"],
)
def test_what_is_no_data_set_gets_a_sentence(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    layouts.paired(tmp_path / "set")
    spoil(tmp_path / "set")
    with pytest.raises(DataSetError, match=message):
        open_dataset(tmp_path / "set")


def test_an_image_and_a_mask_of_different_size_are_named(tmp_path: Path) -> None:
    layouts.paired(tmp_path)
    layouts.write_picture(tmp_path / "masks/p2.png", layouts.ball(0, (40, 40)))
    dataset = open_dataset(tmp_path)
    with pytest.raises(
        DataSetError, match="images/p2.png is 40 x 48, but its mask .*/masks/p2.png is 40 x 40"
    ):
        read_case(dataset.cases[2], dataset)
    (problem,) = check_dataset(dataset).problems
    assert problem.startswith("p2: The image")


def test_the_check_names_what_is_wrong(tmp_path: Path) -> None:
    layouts.nnunet(tmp_path)
    (tmp_path / "labelsTr/c0.nii.gz").unlink()
    (tmp_path / "imagesTr/c1_0001.nii.gz").unlink()
    (tmp_path / "labelsTr/.partial-0-c1.nii.gz").touch()  # as while a mask is written
    layouts.write_volume(tmp_path / "labelsTr/c2.nii.gz", 7 * layouts.ball(2))
    layouts.write_volume(tmp_path / "labelsTr/c3.nii.gz", np.full(layouts.SIZE, 2, np.uint8))
    problems = check_dataset(open_dataset(tmp_path)).problems
    for words in (
        "c0_0000.nii.gz has no mask",
        "c1_0001.nii.gz is missing",
        "c2: its mask holds the values [7]",
        "c3: nothing of its mask is annotated",
    ):
        assert sum(words in problem for problem in problems) == 1, words
    assert len(problems) == 4


def test_the_same_image_on_both_sides_is_found(tmp_path: Path) -> None:
    layouts.paired_with_split(tmp_path)
    for name in ("images", "masks"):
        shutil.copy(tmp_path / f"train/{name}/p0.jpg", tmp_path / f"validation/{name}/copy.jpg")
    (problem,) = check_dataset(open_dataset(tmp_path)).problems
    assert problem.startswith("validation/copy is held out, but all but the same image, train/p0")


def test_a_patient_on_both_sides_is_found(tmp_path: Path) -> None:
    layouts.acdc(tmp_path / "training", 2)
    layouts.acdc(tmp_path / "testing", 1)
    for file in sorted((tmp_path / "testing").rglob("*frame*")):
        file.rename(file.with_name(file.name.replace("frame0", "frame1")))
    problems = check_dataset(open_dataset(tmp_path)).problems
    assert "patient000: this patient or recording is on both sides of the split" in problems


@pytest.mark.parametrize(
    ("folder", "cases", "groups"),
    [
        ("msd_hippocampus", 200, 200),
        ("acdc_h5", 40, 20),
        ("vivim_vtus", 1, 1),
        ("brats2021_00006", 1, 1),
    ],
)
def test_real_data_sets_are_in_order(shared: Path, folder: str, cases: int, groups: int) -> None:
    report = check_dataset(open_dataset(shared / "data" / folder))
    assert (len(report.cases), report.n_groups, report.problems) == (cases, groups, [])
