"""Volumes of several channels, pictures, and foreign checkpoints in the Segment panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models import PICTURES, VOLUMES, model_of, random_volume

from mambaseg.corrections import read_journal
from mambaseg.inference import Engine
from mambaseg.networks import create_network
from mambaseg.types import MedicalImage
from mambaseg.zoo import load_model, load_network, write_model
from mambaseg.zoo.convert import vivim

pytest.importorskip("napari")
from napari.layers import Labels
from qtpy.QtWidgets import QFileDialog

from mambaseg.plugin.import_dialog import ImportDialog
from mambaseg.plugin.keeping import keeping_of
from mambaseg.plugin.layers import image_layer

pytestmark = pytest.mark.usefixtures("display")


@pytest.fixture
def head(desk: Any, model_folder: Path) -> MedicalImage:
    """A volume of two channels as two layers, with models for it in the user's folder."""
    model_of(model_folder, "volumes", VOLUMES)
    model_of(model_folder, "pictures", PICTURES)
    image = random_volume((34, 36, 32))
    for channel, name in zip(image.array, ("case_t1.nii", "case_t2.nii"), strict=True):
        one = MedicalImage(channel[None], "CZYX", image.geometry, source=name)
        data, options, _ = image_layer(one)
        desk.viewer.add_image(data, **options)
    return image


def run_to_the_end(desk: Any, panel: Any) -> Labels:
    desk.click(panel.run_button)
    desk.wait(lambda: panel.run_button.isEnabled())
    layer = desk.viewer.layers[-1]
    assert isinstance(layer, Labels)
    return layer


def test_a_volume_of_two_layers(desk: Any, head: MedicalImage, model_folder: Path) -> None:
    panel = desk.segment("volumes")
    assert panel.model.currentText() == "volumes"
    rows = {name: combo.currentText() for name, combo in panel.channels.rows.items()}
    assert rows == {"t1": "case_t1.nii", "t2": "case_t2.nii"}
    assert not panel.frames.isVisible()
    panel.channels.rows["t2"].setCurrentIndex(0)
    desk.click(panel.run_button)
    assert "Choose the layer of the channel 't2'" in panel.progress.text()
    panel.channels.rows["t2"].setCurrentText("case_t1.nii")
    assert "chosen for two channels" in panel.about_channels.text()
    panel.channels.rows["t2"].setCurrentText("case_t2.nii")
    mask = run_to_the_end(desk, panel)
    expected = Engine("cpu").segment(head, load_model(model_folder / "volumes.safetensors"))
    # The process may compute on another number of threads, where bf16 rounds otherwise.
    assert np.mean(np.asarray(mask.data) != expected.labels) < 0.01
    assert "4 windows in" in panel.progress.text()
    np.testing.assert_allclose(mask.scale, (2.0, 1.0, 1.0))


@pytest.mark.slow
def test_cancel_before_a_volume_is_done_keeps_finished_slices(
    desk: Any, head: MedicalImage
) -> None:
    panel = desk.segment("volumes")
    desk.click(panel.run_button)
    desk.wait(lambda: panel.bar.value() >= 1)
    desk.click(panel.cancel_button)
    desk.wait(lambda: panel.run_button.isEnabled())
    text = panel.progress.text()
    masks = [layer for layer in desk.viewer.layers if isinstance(layer, Labels)]
    if "nothing was changed" in text:
        assert not masks
    else:
        assert len(masks) == 1
        assert "slices are finished and kept" in text or "Done" in text


def test_slice_by_slice_only_if_asked(desk: Any, head: MedicalImage) -> None:
    panel = desk.segment("volumes")
    items = [panel.model.itemText(index) for index in range(panel.model.count())]
    assert "pictures (takes a colour image)" in items
    panel.by_slice.click()
    panel.model.setCurrentText("pictures")
    assert not panel.channels.isVisible()
    run_to_the_end(desk, panel)
    assert "34 slices in" in panel.progress.text()


def test_a_picture(desk: Any, model_folder: Path) -> None:
    model_of(model_folder, "pictures", PICTURES)
    desk.viewer.add_image(np.random.default_rng(0).integers(0, 255, (48, 60, 3)).astype(np.uint8))
    panel = desk.segment("pictures")
    assert panel.model.currentText() == "pictures"
    mask = run_to_the_end(desk, panel)
    assert mask.data.shape == (48, 60)
    journal = keeping_of(desk.viewer).watch(mask).journal
    desk.wait(lambda: bool(journal.status.path))
    desk.wait(lambda: bool(read_journal(Path(journal.status.path)).history.changes))
    (change,) = read_journal(Path(journal.status.path)).history.changes
    assert (change.event.kind, change.event.model) == ("run", "pictures")


def choose_file(desk: Any, panel: Any, path: Path) -> None:
    desk.click(panel.add_model)
    desk.wait(lambda: panel.findChild(QFileDialog) is not None)
    dialog = panel.findChild(QFileDialog)
    dialog.fileSelected.emit(str(path))
    dialog.reject()


def test_a_checkpoint_is_looked_at_and_added(
    desk: Any, model_folder: Path, tmp_path: Path, notices: list[str]
) -> None:
    small = {"backbone": "b0", "widths": [8, 16, 40, 64], "decoder_width": 16}
    network = create_network("vivim", **small)
    # The authors' names of a small Vivim, found backwards.
    from golden import Golden

    keys = [entry["name"] for entry in Golden("vivim").meta["keys"]]
    weights = network.state_dict()
    theirs = {key: weights[name] for key in keys if (name := vivim.rename(key)) in weights}
    torch.save({"state_dict": {f"model.{k}": v for k, v in theirs.items()}}, tmp_path / "best.ckpt")
    desk.add_clip(6)
    panel = desk.segment()
    choose_file(desk, panel, tmp_path / "best.ckpt")
    desk.wait(lambda: panel.findChild(ImportDialog) is not None)
    dialog = panel.findChild(ImportDialog)
    assert f"matched {len(weights)} weights" in dialog.report.toPlainText()
    dialog.classes.setText("polyp, stalk")
    desk.click(dialog.add)
    desk.wait(lambda: "--new-head" in dialog.note.text())
    dialog.classes.setText("lesion")
    dialog.name.setText("from the authors")
    desk.click(dialog.add)
    desk.wait(lambda: panel.model.currentText() == "from the authors")
    assert (model_folder / "from the authors.safetensors").is_file()
    mask = run_to_the_end(desk, panel)
    assert "lesion" in list(mask.features["class"])

    choose_file(desk, panel, tmp_path / "best.ckpt")
    desk.wait(lambda: len(panel.findChildren(ImportDialog)) > 0)
    dialog = panel.findChildren(ImportDialog)[-1]
    dialog.classes.setText("polyp, stalk")
    dialog.new_head.click()
    desk.click(dialog.add)
    desk.wait(lambda: any("was added, but cannot be chosen" in text for text in notices))
    items = [panel.model.itemText(index) for index in range(panel.model.count())]
    assert "best (not trained yet)" in items


def test_a_pickle_with_code_is_refused(desk: Any, tmp_path: Path, notices: list[str]) -> None:
    import pickle
    import subprocess

    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"a": subprocess.Popen}, protocol=2))
    panel = desk.segment()
    choose_file(desk, panel, tmp_path / "evil.pt")
    desk.wait(lambda: any("is refused" in text for text in notices))


def test_an_untrained_model_is_offered_greyed(desk: Any, model_folder: Path) -> None:
    colour = load_model(model_folder / "colour.safetensors")
    write_model(
        model_folder / "new.safetensors",
        load_network(colour).state_dict(),
        name="new",
        recipe=colour.recipe,
        card=colour.card.model_copy(update={"untrained": ("decoder.head",)}),
    )
    desk.add_clip(3)
    panel = desk.segment("new")
    assert panel.model.currentText() != "new"
    items = [panel.model.itemText(index) for index in range(panel.model.count())]
    assert "new (not trained yet)" in items
