"""Every file of the shared data opens, or is refused with a sentence that is right."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from mambaseg.data import list_parts, read_image, read_segmentation
from mambaseg.types import Geometry
from mambaseg.types.errors import MambasegError, UnsupportedImageError

SETS = {
    "acdc_h5": 40,
    "brats2021_00006": 5,
    "deepmedic_brats2015": 4,
    "dicom_brain_4seq": 128,
    "kvasir_seg_352": 1800,
    "mricron_ch2_aal": 2,
    "msd_brats_patches": 4,
    "msd_hippocampus": 400,
    "neurips_cellseg": 6,
    "nrrd_mha": 10,
    "ph2_skin": 58,
    "pocus_lung_us_video": 8,
    "prostatex_t2": 3,
    "pydicom_testfiles": 17,
    "stardist_dsb2018": 4,
    "totalsegmentator_ref": 27,
    "usgra_seg": 408,
    "vivim_vtus": 182,
}
"""How many files of each set hold an image or a mask."""

NO_IMAGES = re.compile(r"(\.md|\.txt|\.csv|LICENSE[^/]*|copyright)$")
MASKS = re.compile(r"/(liver|liver_1frame|seg_image_ct_binary|seg_image_ct_binary_overlap)\.dcm$")
AXES = [
    (r"/(pocus_lung_us_video/|pydicom_testfiles/(examples_ybr|OBXX|SC_rgb))", "CTYX"),
    (r"\.(h5|nii\.gz|nrrd|mha)$|/(emri_small\w*|eCT_Supplemental)\.dcm$|[gk]3d\.tif$", "CZYX"),
    (r"", "CYX"),
]


def test_no_set_is_forgotten(shared: Path) -> None:
    assert {one.name for one in (shared / "data").iterdir() if one.is_dir()} == {*SETS}


@pytest.mark.parametrize("name", SETS)
def test_every_file_opens_or_is_refused(shared: Path, name: str) -> None:
    opened = 0
    for path in sorted((shared / "data" / name).rglob("*")):
        if path.is_dir():
            continue
        if NO_IMAGES.search(str(path)):
            with pytest.raises(UnsupportedImageError, match="is of no kind that is understood"):
                read_image(path)
            continue
        opened += 1
        if MASKS.search(str(path)):
            with pytest.raises(UnsupportedImageError, match="is a DICOM segmentation, that is a"):
                read_image(path)
            continue
        image = read_image(path)
        assert image.axes == next(axes for name, axes in AXES if re.search(name, str(path))), path
        assert np.asarray(image.array[:, :1]).size, path
    assert opened == SETS[name]


@pytest.mark.parametrize(
    ("folder", "names", "shape"),
    [
        (
            "dicom_brain_4seq",
            ["T1post", "HippoCrop", "T1pre_reg", "FLAIR_reg", "T2_reg"],
            (1, 22, 320, 280),
        ),
        ("totalsegmentator_ref/example_ct_dicom", ["CT Body 3.0"], (1, 20, 512, 512)),
        ("brats2021_00006", ["BraTS2021_00006", "BraTS2021_00006_seg.nii.gz"], (4, 155, 240, 240)),
        ("vivim_vtus/Train/0002", ["0002/ (numbered frames)"], (3, 91, 256, 256)),
        (
            "acdc_h5/volumes/patient001_frame01.h5",
            ["image", "label", "scribble"],
            (1, 10, 256, 216),
        ),
    ],
)
def test_what_folders_hold(
    shared: Path, folder: str, names: list[str], shape: tuple[int, ...]
) -> None:
    path = shared / "data" / folder
    parts = list_parts(path)
    assert [part.name for part in parts] == names
    assert parts[0].open().array.shape == shape
    again = read_image(parts[0].source)
    assert again.array.shape == shape


def test_the_frames_of_an_enhanced_file_lie_where_its_groups_say(shared: Path) -> None:
    """SimpleITK keeps the order of the file, here against the slices' normal; the places agree."""
    path = shared / "data" / "pydicom_testfiles" / "eCT_Supplemental.dcm"
    image, itk = read_image(path), SimpleITK.ReadImage(str(path))
    geometry = image.geometry
    assert geometry.spacing_mm == itk.GetSpacing()[::-1] == (10, 0.388672, 0.388672)
    assert geometry.origin_mm == (99.5, -301.5, -149)
    turn = np.reshape(geometry.direction, (3, 3))
    np.testing.assert_array_equal(turn, np.diag([-1, 1, -1]))
    for index in ((0, 0, 0), (200, 300, 1), (411, 100, 0)):
        place = np.array(itk.TransformIndexToPhysicalPoint(index)) - geometry.origin_mm
        x, y, z = np.rint(turn.T @ place / geometry.spacing_mm[::-1]).astype(int)
        assert image.array[0, z, y, x] == itk[index]


def test_an_enhanced_file_without_places_has_no_millimetres(shared: Path) -> None:
    image = read_image(shared / "data" / "pydicom_testfiles" / "emri_small.dcm")
    assert image.geometry == Geometry()
    assert "does not say where the slices lie" in image.notes[0]


def test_several_series_and_none_chosen(shared: Path) -> None:
    path = shared / "data" / "dicom_brain_4seq"
    with pytest.raises(MambasegError, match=r"holds 5 images: 'T1post'.* Choose one"):
        read_image(path)
    assert read_image(path, "FLAIR_reg").header["SeriesDescription"] == "FLAIR_reg"
    with pytest.raises(MambasegError, match=r"holds no 'T3', but 'T1post'"):
        read_image(path, "T3")


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("liver.dcm", {1: "Liver"}),
        ("liver_1frame.dcm", {1: "Liver"}),
        ("seg_image_ct_binary.dcm", None),
    ],
)
def test_masks_in_dicom(shared: Path, file: str, names: dict[int, str] | None) -> None:
    mask = read_segmentation(shared / "data" / "pydicom_testfiles" / file)
    assert mask.axes == "ZYX"
    assert np.asarray(mask.labels).any()
    assert names is None or mask.label_set.names == names


def test_masks_that_overlap_are_refused(shared: Path) -> None:
    path = shared / "data" / "pydicom_testfiles" / "seg_image_ct_binary_overlap.dcm"
    with pytest.raises(UnsupportedImageError, match=r"overlap\.dcm.*overlap"):
        read_segmentation(path)
