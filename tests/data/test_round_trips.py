"""Images and DICOM segmentations go out and come back as they were, or say what was lost."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from placed import directions, images, write_series
from pydicom import dcmread
from pydicom.datadict import DicomDictionary, dictionary_VR
from pydicom.dataset import Dataset

from mambaseg.data import (
    read_image,
    read_segmentation,
    sample_path,
    write_image,
    write_segmentation,
)
from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import UnsupportedImageError

STUDY = (
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "ReferringPhysicianIdentificationSequence",
    "ConsultingPhysicianName",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "ProcedureCodeSequence",
    "ReferencedStudySequence",
    "RequestingService",
    "ReasonForPerformedProcedureCodeSequence",
    "AdmittingDiagnosesDescription",
    "AdmissionID",
    "ServiceEpisodeID",
    "ServiceEpisodeDescription",
    "PatientState",
    "ReasonForVisit",
    "ContainerIdentifier",
    "SpecimenDescriptionSequence",
)
"""What DICOM says of a study, a visit and a specimen, outside the groups of the patient."""

often = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@often
@given(image=images(), suffix=st.sampled_from([".nrrd", ".mha"]))
def test_images_are_kept_exactly(image: MedicalImage, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"image{suffix}"
    assert write_image(image, path) == ()
    found = read_image(path)
    assert (found.axes, found.geometry) == (image.axes, image.geometry)
    assert found.channel_names == image.channel_names
    assert np.asarray(found.array).dtype == image.array.dtype
    np.testing.assert_array_equal(found.array, image.array)


@often
@given(image=images(), suffix=st.sampled_from([".nii", ".nii.gz"]))
def test_nifti_keeps_all_but_what_it_says(image: MedicalImage, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"image{suffix}"
    try:
        told = " ".join(write_image(image, path))
    except UnsupportedImageError as error:
        assert "single plane of several channels" in str(error)
        assert len(image.array) > 1
        return
    found = read_image(path)
    assert found.axes == image.axes
    np.testing.assert_array_equal(found.array, image.array)
    for name in ("spacing_mm", "origin_mm", "direction"):
        value, expected = getattr(found.geometry, name), getattr(image.geometry, name)
        if value is None or expected is None:
            assert value == expected
        else:
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-3)
            assert value == pytest.approx(expected, rel=1e-12) or "rounds the geometry" in told
    times, expected_times = found.geometry.frame_times_s, image.geometry.frame_times_s
    assert (times is None) == (expected_times is None)
    if times != expected_times:
        assert "one mean time" in told or "rounds" in told
    if image.channel_names != ("intensity",):
        assert "no room for the names of channels" in told


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(direction=directions(left_handed=False), data=st.data())
def test_dicom_segmentations(
    direction: tuple[float, ...], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("seg")
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    turn = np.reshape(direction, (3, 3))
    series = write_series(
        folder / "series",
        random.integers(-5, 9, (4, 5, 6)),
        orientation=[*turn[:, 0], *turn[:, 1]],
        SeriesDescription="a b",
    )
    image = read_image(series)
    np.testing.assert_allclose(image.geometry.direction, direction, atol=1e-6)
    labels = random.integers(0, 3, (4, 5, 6), dtype=np.uint8)
    label_set = LabelSet.from_names({1: "left ventricle", 2: "Wand"})
    mask = Segmentation(labels, "ZYX", label_set, image.geometry)
    told = write_segmentation(mask, folder / "mask.dcm", series=series)
    assert len(told) == 1
    assert "patient" in told[0]
    found = read_segmentation(folder / "mask.dcm")
    np.testing.assert_array_equal(found.labels, labels)
    assert found.label_set == label_set
    for name in ("spacing_mm", "origin_mm", "direction"):
        np.testing.assert_allclose(
            getattr(found.geometry, name), getattr(image.geometry, name), rtol=1e-6, atol=1e-5
        )


@pytest.mark.parametrize("patient", [False, True])
def test_dicom_segmentations_name_the_patient_only_when_asked(
    tmp_path: Path, patient: bool
) -> None:
    series = write_series(tmp_path / "series", np.zeros((3, 4, 5)))
    mask = Segmentation(
        np.ones((3, 4, 5), np.uint8),
        "ZYX",
        LabelSet.from_names({1: "a"}),
        read_image(series).geometry,
    )
    told = write_segmentation(mask, tmp_path / "mask.dcm", series=series, patient=patient)
    assert len(told) == (0 if patient else 1)
    written = (tmp_path / "mask.dcm").read_bytes()
    assert all((word in written) is patient for word in (b"Secret^Person", b"ID-4711"))
    assert read_segmentation(tmp_path / "mask.dcm").labels.all()


def test_dicom_segmentations_copy_nothing_of_the_patient_and_the_study(tmp_path: Path) -> None:
    """Each element of the modules of the patient and the study holds a word or date of its own."""
    in_groups = [
        keyword
        for tag, (_, _, _, retired, keyword) in DicomDictionary.items()
        if tag >> 16 in (0x0010, 0x0012) and not retired
    ]
    elements = {keyword: secret(keyword) for keyword in (*in_groups, *STUDY)}
    series = write_series(tmp_path / "series", np.zeros((2, 4, 5)), **elements)
    mask = Segmentation(
        np.ones((2, 4, 5), np.uint8),
        "ZYX",
        LabelSet.from_names({1: "a"}),
        read_image(series).geometry,
    )
    write_segmentation(mask, tmp_path / "mask.dcm", series=series)
    written = dcmread(tmp_path / "mask.dcm")
    assert {keyword for keyword in elements if written.get(keyword)} == set()
    origin = dcmread(next(series.iterdir()))
    assert written.StudyInstanceUID == origin.StudyInstanceUID
    assert "Secret" not in str(written)
    assert read_segmentation(tmp_path / "mask.dcm").labels.all()


def secret(keyword: str) -> object:
    """Give a value that an element can have and that its file alone could have."""
    kind = dictionary_VR(keyword)
    if kind == "SQ":
        item = Dataset()
        item.PatientComments = "Secret"
        return [item]
    given = {"DA": "19610203", "DT": "19610203", "TM": "010203", "AS": "061Y", "UI": "1.2.3.61"}
    if kind in ("DS", "IS", "US", "UL", "FL", "FD"):
        return 61
    return given.get(kind, "Secret")


def test_dicom_segmentations_name_what_they_lose(tmp_path: Path) -> None:
    series = write_series(tmp_path / "series", np.zeros((3, 4, 5)))
    image = read_image(series)
    labels = np.zeros((3, 4, 5), np.uint8)
    labels[0, 0, :2] = 2, 6
    mask = Segmentation(labels, "ZYX", LabelSet.from_names({2: "a", 5: "b"}), image.geometry)
    told = " ".join(write_segmentation(mask, tmp_path / "mask.dcm", series=series))
    assert "the classes [2, 5]" in told
    assert '"not annotated" became background' in told
    found = read_segmentation(tmp_path / "mask.dcm")
    assert found.label_set.names == {1: "a", 2: "b"}
    assert found.labels[0, 0].tolist() == [1, 0, 0, 0, 0]


def test_dicom_segmentations_that_cannot_be(tmp_path: Path) -> None:
    series = write_series(tmp_path / "series", np.zeros((3, 4, 5)))
    label_set = LabelSet.from_names({1: "a"})
    volume = Segmentation(
        np.zeros((3, 4, 5), np.uint8), "ZYX", label_set, read_image(series).geometry
    )
    clip = Segmentation(np.zeros((30, 240, 320), np.uint8), "TYX", label_set)
    elsewhere = replace(volume, geometry=replace(volume.geometry, origin_mm=(0.0, 0.0, 0.0)))
    lost = write_series(tmp_path / "lost", np.zeros((3, 4, 5)), FrameOfReferenceUID="")
    for mask, source, words in (
        (volume, None, "none is known"),
        (clip, sample_path("echo"), "clips and single frames are not supported yet"),
        (volume, sample_path("echo"), "clips is not supported yet"),
        (elsewhere, series, "do not lie on the grid"),
        (volume, lost, "has no FrameOfReferenceUID"),
    ):
        with pytest.raises(UnsupportedImageError, match=words):
            write_segmentation(mask, tmp_path / "mask.dcm", series=source)
    assert not (tmp_path / "mask.dcm").exists()


def test_another_programs_change_is_believed(tmp_path: Path) -> None:
    image = MedicalImage(np.zeros((1, 3, 4, 5), np.uint8), "CZYX", Geometry((2, 1, 1), (0, 0, 0)))
    for suffix in ("nrrd", "mha"):
        path = tmp_path / f"image.{suffix}"
        write_image(image, path)
        itk = SimpleITK.ReadImage(str(path))
        itk.SetOrigin((1, 2, 3))
        SimpleITK.WriteImage(itk, str(path))
        assert read_image(path).geometry.origin_mm == (1, 2, 3)
        assert read_image(path).geometry.spacing_mm == (2, 1, 1)


@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
@pytest.mark.parametrize(("codes", "kept"), [((2, 4), (2, 4)), ((0, 5), (1, 5)), ((0, 0), (1, 1))])
def test_the_space_that_nifti_names_is_kept(
    tmp_path: Path, suffix: str, codes: tuple[int, int], kept: tuple[int, int]
) -> None:
    """Codes 2 to 5 say whose coordinates they are, such as those of the MNI brain."""
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    plain = tmp_path / "plain.nii"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), str(plain))
    content = bytearray(plain.read_bytes())
    struct.pack_into("<2h", content, 252, *codes)
    plain.write_bytes(content)
    again = tmp_path / f"again.{suffix}"
    write_image(read_image(plain), again)
    np.testing.assert_array_equal(np.asarray(read_image(again).array)[0], array)
    itk = SimpleITK.ReadImage(str(again))
    found = tuple(int(itk.GetMetaData(f"{name}_code")) for name in ("qform", "sform"))
    assert found == kept


def test_what_another_program_set_or_joined_is_believed_beside_our_note(tmp_path: Path) -> None:
    """A note in NIfTI says what was unknown, and other programs copy it with the header."""
    array = np.zeros((3, 4, 5), np.uint8)
    array[1] = 1
    names = LabelSet.from_names({1: "class 1"})
    write_image(MedicalImage(array[None], "CZYX"), tmp_path / "image.nii.gz")
    write_segmentation(Segmentation(array, "ZYX", names), tmp_path / "mask.nii.gz")
    for name in ("image", "mask"):
        path = tmp_path / f"{name}.nii.gz"
        one = SimpleITK.ReadImage(str(path))
        note = one.GetMetaData("ITK_FileNotes")
        joined = SimpleITK.JoinSeries([one, one])
        joined.SetMetaData("ITK_FileNotes", note)
        SimpleITK.WriteImage(joined, str(tmp_path / f"{name}_joined.nii.gz"))
        one.SetSpacing((2, 2, 3))
        SimpleITK.WriteImage(one, str(path))
    image, mask = (tmp_path / f"{name}.nii.gz" for name in ("image", "mask"))
    assert read_image(image).geometry == Geometry((3, 2, 2))
    assert read_segmentation(mask).geometry == Geometry((3, 2, 2))
    image, mask = (tmp_path / f"{name}_joined.nii.gz" for name in ("image", "mask"))
    assert read_image(image).axes == "CTZYX"
    np.testing.assert_array_equal(np.asarray(read_image(image).array)[0], [array, array])
    np.testing.assert_array_equal(np.asarray(read_segmentation(mask).labels), [array, array])


@pytest.mark.parametrize("suffix", [".jpg", ".mp4", ""])
def test_suffixes_that_are_not_written(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UnsupportedImageError, match="choose one of .nrrd"):
        write_image(MedicalImage(np.zeros((1, 4, 5)), "CYX"), tmp_path / f"image{suffix}")
