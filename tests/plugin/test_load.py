"""The Load panel in a real napari: what it finds, previews and opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from mambaseg.data import sample_path

pytestmark = pytest.mark.usefixtures("display")


@pytest.fixture
def panel(desk: Any) -> Any:
    desk.menu("File", "IO Utilities", "Load (mambaseg)")
    return desk.panel("Load")


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A folder of twelve numbered frames, each as grey as its number."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(12):
        Image.fromarray(np.full((24, 32), index, np.uint8)).save(folder / f"{index}.png")
    return folder


def facts(panel: Any) -> dict[str, str]:
    """What the panel says of the file."""
    rows = panel.facts
    return {
        rows.itemAt(i, rows.ItemRole.LabelRole).widget().text(): rows.itemAt(
            i, rows.ItemRole.FieldRole
        )
        .widget()
        .text()
        for i in range(rows.rowCount())
    }


def names(panel: Any) -> list[str]:
    """The rows of the table."""
    return [panel.parts.item(row, 0).text() for row in range(panel.parts.rowCount())]


def test_a_typed_path_is_described_previewed_and_opened(desk: Any, panel: Any) -> None:
    assert not panel.open.isEnabled()
    desk.type(panel.field.line, str(sample_path("echo")))
    desk.wait(panel.open.isEnabled)
    assert facts(panel) == {
        "Modality": "US",
        "Kind": "Clip, colour, uint8",
        "Size": "320 x 240 pixels",
        "Frames": "30",
        "Frame rate": "30 frames/s",
        "Spacing": "unknown",
    }
    assert panel.picture.isVisible()
    assert not panel.picture.pixmap().isNull()
    desk.click(panel.open)
    desk.wait(lambda: len(desk.viewer.layers) == 1)
    (layer,) = desk.viewer.layers
    assert layer.data.shape == (30, 240, 320, 3)


def test_a_range_of_a_dropped_folder_is_opened(desk: Any, panel: Any, frames: Path) -> None:
    dropped = QMimeData()
    dropped.setUrls([QUrl.fromLocalFile(str(frames))])
    panel.field.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            dropped,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    desk.wait(panel.open.isEnabled)
    assert facts(panel)["Frames"] == "12"
    assert facts(panel)["Frame rate"] == "unknown"
    desk.type(panel.range.first.lineEdit(), "3")
    desk.type(panel.range.last.lineEdit(), "10")
    desk.click(panel.open)
    desk.wait(lambda: len(desk.viewer.layers) == 1)
    (layer,) = desk.viewer.layers
    assert np.asarray(layer.data)[:, 0, 0].tolist() == list(range(3, 11))


def test_one_of_several_files_is_chosen(desk: Any, panel: Any, tmp_path: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    folder = tmp_path / "many"
    folder.mkdir()
    for name, depth in (("a.nrrd", 3), ("b.nii.gz", 5)):
        volume = sitk.GetImageFromArray(np.zeros((depth, 6, 7), np.int16))
        volume.SetSpacing((0.5, 0.75, 2))
        sitk.WriteImage(volume, str(folder / name))
    desk.click(panel.field.findChildren(type(panel.open))[1])
    desk.choose_file(folder)
    desk.wait(panel.open.isEnabled)
    assert names(panel) == ["a.nrrd", "b.nii.gz"]
    assert facts(panel)["Size"] == "7 x 6 x 3 voxels"
    desk.wait(lambda: panel.parts.item(1, 3).text() == "0.5 x 0.75\nx 2")
    assert panel.parts.item(1, 2).text() == "5"
    assert not panel.parts.item(1, 0).icon().isNull()
    panel.parts.selectRow(1)
    desk.wait(lambda: facts(panel).get("Size") == "7 x 6 x 5 voxels")
    assert facts(panel)["Spacing"] == "0.5 x 0.75 x 2 mm"
    desk.click(panel.open)
    desk.wait(lambda: len(desk.viewer.layers) == 1)
    (layer,) = desk.viewer.layers
    assert layer.data.shape == (5, 6, 7)
    np.testing.assert_allclose(layer.scale, (2, 0.75, 0.5))


def test_four_series_are_opened_as_four_channels(
    desk: Any, panel: Any, shared: Path, tmp_path: Path
) -> None:
    import SimpleITK as sitk  # noqa: N813

    folder = shared / "data" / "dicom_brain_4seq"
    desk.type(panel.field.line, str(folder))
    desk.wait(panel.open.isEnabled)
    assert names(panel) == ["T1post", "HippoCrop", "T1pre_reg", "FLAIR_reg", "T2_reg"]
    desk.wait(lambda: panel.parts.item(4, 2).text() == "22")
    assert panel.parts.item(4, 1).text() == "MR"
    assert panel.parts.item(4, 3).text() == "0.688 x 0.688\nx 6.5"
    control = Qt.KeyboardModifier.ControlModifier
    for row in (2, 3, 4):
        place = panel.parts.visualItemRect(panel.parts.item(row, 0)).center()
        desk.qtbot.mouseClick(panel.parts.viewport(), Qt.MouseButton.LeftButton, control, place)
    desk.wait(lambda: panel.open.isEnabled() and panel.open.text() == "Open 4 as channels")
    assert facts(panel)["Channels"] == "T1post, T1pre_reg, FLAIR_reg, T2_reg"
    assert "10.8°" in panel.straighten.text()
    panel.straighten.setChecked(False)
    desk.click(panel.open)
    desk.wait(lambda: len(desk.viewer.layers) == 4)
    names_of_layers = [layer.name.split()[-1] for layer in desk.viewer.layers]
    assert names_of_layers == ["T1post", "T1pre_reg", "FLAIR_reg", "T2_reg"]
    for layer, name in zip(desk.viewer.layers, ("11-T1", "26401", "36468", "37830"), strict=True):
        (one,) = folder.glob(f"{name}*")
        itk = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(one)))
        np.testing.assert_array_equal(layer.data, sitk.GetArrayFromImage(itk))
        np.testing.assert_allclose(
            layer.data_to_world((3, 20, 100))[::-1],
            itk.TransformIndexToPhysicalPoint((100, 20, 3)),
            atol=0.7,  # the series were registered, to a tenth of a step
        )


def test_series_that_do_not_fit_are_named(
    desk: Any, panel: Any, shared: Path, notices: list[str]
) -> None:
    desk.type(panel.field.line, str(shared / "data" / "dicom_brain_4seq"))
    desk.wait(panel.open.isEnabled)
    panel.parts.selectAll()
    desk.wait(lambda: any("HippoCrop has 40 slices along z" in text for text in notices))
    assert not panel.open.isEnabled()


def test_missing_slices_are_named_and_resampled_on_request(
    desk: Any, panel: Any, tmp_path: Path, notices: list[str]
) -> None:
    from placed import write_series

    volume = np.arange(9)[:, None, None] * np.full((9, 8, 10), 10)
    series = write_series(tmp_path / "series", volume)
    for file in series.iterdir():
        import pydicom

        if pydicom.dcmread(file, specific_tags=["InstanceNumber"]).InstanceNumber in (4, 5):
            file.unlink()
    desk.type(panel.field.line, str(series))
    desk.wait(lambda: any("lacks slices: 2 between 3 and 6" in text for text in notices))
    assert not panel.open.isEnabled()
    panel.resample.click()
    desk.wait(panel.open.isEnabled)
    desk.click(panel.open)
    desk.wait(lambda: len(desk.viewer.layers) == 1)
    np.testing.assert_array_equal(desk.viewer.layers[0].data, volume)


def test_what_failed_to_open_can_be_opened_again(
    desk: Any, panel: Any, tmp_path: Path, notices: list[str]
) -> None:
    from placed import write_series

    volume = np.arange(9)[:, None, None] * np.full((9, 8, 10), 10)
    series = write_series(tmp_path / "series", volume, names=[str(z) for z in range(9)])
    whole = (series / "0").read_bytes()
    (series / "0").write_bytes(whole[:-40])  # not in the preview, the middle slice
    desk.type(panel.field.line, str(series))
    desk.wait(panel.open.isEnabled)
    desk.click(panel.open)
    desk.wait(lambda: any("fewer pixels than its header states" in text for text in notices))
    assert panel.open.isEnabled()
    (series / "0").write_bytes(whole)
    desk.click(panel.open)
    desk.wait(lambda: len(desk.viewer.layers) == 1)
    np.testing.assert_array_equal(desk.viewer.layers[0].data, volume)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nothing.mp4", None, "does not exist"),
        ("broken.mp4", b"\x00\x00\x00\x20ftypisom" + b"\x00" * 50, "broken.mp4"),
        ("notes.txt", b"hello", "notes.txt"),
    ],
)
def test_what_cannot_be_read_says_why(
    desk: Any,
    panel: Any,
    notices: list[str],
    tmp_path: Path,
    name: str,
    content: bytes | None,
    words: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    desk.type(panel.field.line, str(tmp_path / name))
    desk.wait(lambda: any(words in text for text in notices))
    assert words in panel.note.text()
    assert not panel.open.isEnabled()
    assert not desk.viewer.layers
