"""The Export panel and the Save dialog in a real napari: the files that they write."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from PIL import Image

from mambaseg.cli.main import main
from mambaseg.data import read_segmentation, sample_path, write_segmentation
from mambaseg.export import ExportPreset, OverlayStyle, write_preset
from mambaseg.plugin.layers import labels_layer
from mambaseg.types import LabelSet, Segmentation

pytestmark = pytest.mark.usefixtures("display")


def first_frame(film: Path) -> np.ndarray:
    with av.open(str(film)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def export_panel(desk: Any) -> Any:
    desk.menu("Layers", "Visualize", "Export (mambaseg)")
    panel = desk.panel("Export")
    desk.wait(panel.picture.isVisible)
    return panel


def write(desk: Any, panel: Any, path: Path) -> None:
    desk.type(panel.path.line, str(path))
    desk.click(panel.export)
    desk.wait(panel.export.isEnabled)


@pytest.mark.slow
def test_films_equal_the_shells(desk: Any, tmp_path: Path) -> None:
    desk.menu("File", "Open Sample", "mambaseg", "Echocardiogram (30 frames)")
    segment = desk.segment()
    desk.click(segment.run_button)
    desk.wait(segment.run_button.isEnabled)
    panel = export_panel(desk)
    panel.look.scale.setValue(1)
    for name, path in (("mp4 film", "a.mp4"), ("GIF film", "a.gif"), ("PNG pictures", "a")):
        panel.format.setCurrentText(name)
        write(desk, panel, tmp_path / path)

    clip, shell = sample_path("echo"), tmp_path / "shell"
    command = ["segment", str(clip), "-m", "colour", "-o", str(shell), "--device", "cpu"]
    assert main([*command, "--overlay", "mp4", "gif", "png"]) == 0
    (mask,) = shell.glob("*_mask.nrrd")
    np.testing.assert_array_equal(desk.viewer.layers[-1].data, read_segmentation(mask).labels)
    (folder,) = shell.glob("*_overlays")
    pictures = sorted((tmp_path / "a").iterdir())
    assert len(pictures) == 30
    for picture in pictures:
        assert picture.read_bytes() == (folder / picture.name).read_bytes()
    for suffix in (".mp4", ".gif"):
        (theirs,) = shell.glob(f"*_overlay{suffix}")
        ours = first_frame(tmp_path / f"a{suffix}")
        assert ours.shape == (240, 320, 3)
        np.testing.assert_array_equal(ours, first_frame(theirs))


@pytest.mark.slow
def test_a_preset_gives_the_same_bytes_from_the_panel_and_from_the_shell(
    desk: Any, tmp_path: Path, own_presets: Path
) -> None:
    desk.menu("File", "Open Sample", "mambaseg", "Echocardiogram (30 frames)")
    clip = desk.viewer.layers[0]
    for name, shift in (("earlier", 4), ("mask", 0)):
        labels = np.zeros(clip.data.shape[:3], np.uint8)
        labels[:, 60:140, 130:190] = np.arange(80)[:, None] > shift
        geometry = clip.metadata["geometry"]
        ventricle = LabelSet.from_names({1: "left ventricle"})
        mask = Segmentation(labels, "TYX", ventricle, geometry)
        data, options, _ = labels_layer(mask)
        desk.viewer.add_labels(data, **options | {"name": name})
        write_segmentation(mask, tmp_path / f"{name}.nrrd")
    panel = export_panel(desk)
    assert (panel.image.layer.name, panel.labels.layer.name) == ("echocardiogram", "mask")
    panel.look.mode.setCurrentText("Outline")
    panel.look.outline.setValue(3)
    panel.look.panes.setCurrentText("Before | after")
    panel.look.time_stamp.setChecked(True)
    assert panel.look.before.layer.name == "earlier"
    panel.what.setCurrentText("Worst frames")
    panel.choice.count.setValue(3)
    panel.choice.rank.setCurrentText("Dice with a reference")
    assert panel.choice.reference.layer.name == "earlier"
    desk.qtbot.keyClicks(panel.presets.names.lineEdit(), "clinic")
    desk.click(panel.presets.save)
    assert (own_presets / "clinic.yaml").is_file()
    kinds = {"mp4 film": "a.mp4", "GIF film": "a.gif", "PNG pictures": "a", "TIFF pages": "a.tif"}
    for kind, name in kinds.items():
        panel.format.setCurrentText(kind)
        write(desk, panel, tmp_path / name)
    panel.choice.sheet.setChecked(True)
    panel.format.setCurrentText("PNG pictures")
    write(desk, panel, tmp_path / "sheet.png")

    shell = tmp_path / "shell"
    command = ["export", str(sample_path("echo")), str(tmp_path / "mask.nrrd"), "-p", "clinic"]
    command += ["--before", str(tmp_path / "earlier.nrrd")]
    command += ["--reference", str(tmp_path / "earlier.nrrd"), "-o"]
    assert main([*command, str(shell / "a")]) == 0, "an mp4 film, as the preset says"
    for name in ("a.gif", "a.tif"):
        assert main([*command, str(shell / name)]) == 0
    assert main([*command, str(shell / "sheet.png"), "--sheet", "3"]) == 0
    for name in ("a.mp4", "a.gif", "a.tif", "sheet.png"):
        assert (tmp_path / name).read_bytes() == (shell / name).read_bytes(), name
    pictures = tifffile.imread(tmp_path / "a.tif")
    ours = {file.name: np.asarray(Image.open(file)) for file in (tmp_path / "a").iterdir()}
    assert len(ours) == len(pictures) == 3
    for picture in ours.values():
        assert any(np.array_equal(picture, page) for page in pictures)


def test_a_preset_is_chosen_by_name(desk: Any, own_presets: Path, notices: list[str]) -> None:
    style = OverlayStyle("contour", contour_width=5, scale=4, legend=False, layout="beside")
    preset = ExportPreset(format="dicom", sheet=True, frames="worst", count=7, style=style)
    write_preset("archive", preset)
    (own_presets / "broken.yaml").write_text("format: avi")
    desk.add_clip(3)
    desk.viewer.add_labels(np.ones((3, 48, 60), np.uint8))
    panel = export_panel(desk)
    assert not panel.presets.save.isEnabled()
    names = panel.presets.names
    assert [names.itemText(index) for index in range(names.count())] == ["archive", "broken"]
    names.activated.emit(0)
    assert panel.choice.preset(panel.look.overlay_style) == preset
    assert panel.choice.patient.isVisible()
    names.activated.emit(1)
    assert any("broken.yaml is not a valid ExportPreset: format" in text for text in notices)
    names.setEditText("a/b")
    desk.click(panel.presets.save)
    assert any("'a/b' is no name for a preset" in text for text in notices)
    panel.format.setCurrentText("GIF film")
    assert not panel.choice.sheet.isChecked(), "a film is no contact sheet"
    panel.choice.sheet.setChecked(True)
    assert panel.format.currentText() == "PNG pictures"


def test_the_worst_frames_by_doubt_or_with_a_sentence(
    desk: Any, tmp_path: Path, notices: list[str]
) -> None:
    mask = desk.segmented()
    panel = export_panel(desk)
    panel.what.setCurrentText("Worst frames")
    panel.choice.count.setValue(2)
    panel.format.setCurrentText("PNG pictures")
    assert panel.choice.rank.currentText() == "Doubt of the run"
    write(desk, panel, tmp_path / "a")
    worst = mask.metadata["doubt"].ranked(2)
    names = [file.name for file in sorted((tmp_path / "a").iterdir())]
    assert names == [f"overlay_{frame:04d}.png" for frame in sorted(worst)]
    panel.choice.rank.setCurrentText("Dice with a reference")
    desk.click(panel.export)
    assert any("there is one mask only: open the reference" in text for text in notices)
    panel.look.panes.setCurrentText("Before | after")
    desk.wait(lambda: "Before and after need two masks" in panel.note.text())
    assert not panel.export.isEnabled()


def test_the_current_frame_is_written_as_it_is_previewed(desk: Any, tmp_path: Path) -> None:
    desk.segmented()
    panel = export_panel(desk)
    panel.look.mode.setCurrentText("Outline")
    panel.look.legend.setChecked(False)
    panel.look.scale.setValue(3)
    panel.what.setCurrentText("Current frame")
    pictures = []
    for frame in (1, 4):
        desk.viewer.dims.set_current_step(0, frame)
        write(desk, panel, tmp_path / f"{frame}.png")
        pictures.append(np.asarray(Image.open(tmp_path / f"{frame}.png")))
    assert pictures[0].shape == (144, 180, 3)
    assert not np.array_equal(*pictures)


@pytest.mark.slow
def test_some_frames_make_a_shorter_film(desk: Any, tmp_path: Path) -> None:
    desk.segmented()
    panel = export_panel(desk)
    panel.what.setCurrentText("Some frames")
    desk.type(panel.range.first.lineEdit(), "2")
    write(desk, panel, tmp_path / "some.mp4")
    with av.open(str(tmp_path / "some.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 4


def test_the_preview_follows_what_is_drawn(desk: Any) -> None:
    mask = desk.segmented()
    panel = export_panel(desk)
    before = panel.picture.pixmap().toImage()
    mask.data_setitem(tuple(np.indices((1, 20, 20)).reshape(3, -1)), 1)
    mask.data_setitem(tuple(np.indices((1, 20, 20)).reshape(3, -1)), 0)
    desk.viewer.dims.set_current_step(0, 0)
    desk.wait(lambda: panel.picture.pixmap().toImage() != before)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_is_told_and_leaves_nothing_behind(
    desk: Any, notices: list[str], tmp_path: Path
) -> None:
    import resource

    desk.segmented()
    panel = export_panel(desk)
    layers = list(desk.viewer.layers)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        write(desk, panel, tmp_path / "film.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert any(f"Cannot write {tmp_path / 'film.mp4'}" in text for text in notices)
    assert "Cannot write" in panel.note.text()
    assert not list(tmp_path.glob("*film*"))
    assert list(desk.viewer.layers) == layers
    write(desk, panel, tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").is_file()


def test_without_layers_or_a_path_it_says_what_to_do(desk: Any, notices: list[str]) -> None:
    desk.menu("Layers", "Visualize", "Export (mambaseg)")
    panel = desk.panel("Export")
    desk.wait(lambda: "There is no image layer" in panel.note.text())
    desk.segmented()
    desk.raise_tab("Export")
    desk.wait(panel.picture.isVisible)
    desk.click(panel.export)
    assert any("Say where to write" in text for text in notices)
    assert desk.copied_diagnostics().startswith("Say where to write")


def test_a_mask_is_saved_from_the_save_dialog(desk: Any, tmp_path: Path) -> None:
    mask = desk.segmented()
    desk.viewer.layers.selection.active = mask
    for suffix, file_type in ((".nrrd", "NRRD mask"), (".nii.gz", "NIfTI mask")):
        asked = ("File", "Save Selected Layers...")
        desk.menu_with_file(tmp_path / "mask", *asked, file_type=file_type)
        path = tmp_path / f"mask{suffix}"
        read = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        np.testing.assert_array_equal(read.squeeze(), np.asarray(mask.data))
        ours = read_segmentation(path)
        np.testing.assert_array_equal(ours.labels, mask.data)
        if suffix == ".nrrd":  # NIfTI has no place for names
            assert ours.label_set.names == {1: "nodule"}
            assert ours.provenance.model == "colour"


@pytest.mark.parametrize("window_too", [False, True])
def test_the_screen_is_saved_as_seen(desk: Any, tmp_path: Path, window_too: bool) -> None:
    desk.segmented()
    panel = export_panel(desk)
    panel.as_seen.window_too.setChecked(window_too)
    expected = desk.viewer.screenshot(canvas_only=not window_too, flash=False)
    desk.click(panel.as_seen.save)
    desk.choose_file(tmp_path / "seen.png")
    desk.wait((tmp_path / "seen.png").is_file)
    seen = np.asarray(Image.open(tmp_path / "seen.png"))
    assert seen.shape[:2] == expected.shape[:2]
    assert seen[..., :3].std() > 10
    if not window_too:
        np.testing.assert_array_equal(seen, expected)


def test_without_a_window_the_screen_is_not_saved(
    make_napari_viewer: Any, qtbot: Any, notices: list[str]
) -> None:
    viewer = make_napari_viewer(show=False)
    _, panel = viewer.window.add_plugin_dock_widget("mambaseg", "Export")
    panel.as_seen.save.click()
    assert any("would be black" in text for text in notices)


def test_a_still_has_no_frames_to_choose_and_is_no_film(desk: Any, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (48, 60, 3)).astype(np.uint8)
    desk.viewer.add_image(picture)
    classes = LabelSet.from_names({1: "cell"})
    desk.viewer.add_labels(np.ones((48, 60), np.uint8), metadata={"label_set": classes})
    panel = export_panel(desk)
    assert not panel.choice.what.isVisible()
    assert panel.format.currentText() == "PNG pictures"
    write(desk, panel, tmp_path / "still.png")
    assert (tmp_path / "still.png").is_file()
