"""The whole story in one viewer, by clicks and keys: from a clip in a file to an exported film."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from disc_story import N_FRAMES, RADIUS, disc_clip, generous_model, write_clip
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from mambaseg.cli.main import main
from mambaseg.corrections import Store, corrections_folder
from mambaseg.data import read_segmentation, write_segmentation
from mambaseg.types import LabelSet, Segmentation
from mambaseg.zoo import make_default

pytestmark = [pytest.mark.usefixtures("display"), pytest.mark.slow]

CORRECTED = (3, 9, 15, 21, 27)
OPEN = tuple(frame for frame in range(N_FRAMES) if frame not in CORRECTED)
STEPS = 20


class Hand:
    """Mouse and keys over the canvas."""

    def __init__(self, desk: Any) -> None:
        self.desk, self.viewer = desk, desk.viewer
        self.canvas = desk.viewer.window._qt_viewer.canvas.native

    def key(self, key: str, *, control: bool = False) -> None:
        held = Qt.KeyboardModifier.ControlModifier if control else Qt.KeyboardModifier.NoModifier
        self.desk.qtbot.keyClick(self.canvas, getattr(Qt.Key, f"Key_{key}"), held)

    def stroke(self, mask: Any, row: float, columns: tuple[float, float]) -> None:
        """Draw along a row of the frame that is shown, with the tool that was chosen."""
        qtbot, left = self.desk.qtbot, Qt.MouseButton.LeftButton
        way = [np.array(mask.data_to_world((0, row, x))[-2:]) for x in np.linspace(*columns, 3)]
        self._move(way[0])
        qtbot.mousePress(self.canvas, left, pos=self._place(way[0]))
        for world in way[1:]:
            self._move(world)
        qtbot.mouseRelease(self.canvas, left, pos=self._place(way[-1]))

    def _move(self, world: np.ndarray) -> None:
        """Move the mouse, until the viewer knows: of moves in quick succession it skips some.

        Without the display's own pointer, which other tests on the display may have.
        """

        def arrived() -> bool:
            kind, none = QEvent.Type.MouseMove, Qt.MouseButton.NoButton
            at = QPointF(place := self._place(world)), QPointF(self.canvas.mapToGlobal(place))
            move = QMouseEvent(kind, *at, none, none, Qt.KeyboardModifier.NoModifier)
            QApplication.sendEvent(self.canvas, move)
            known = np.array(self.viewer.cursor.position[-2:])
            return bool(np.abs(known - world).max() * self.viewer.scene.camera.zoom < 2)

        self.desk.wait(arrived)

    def _place(self, world: np.ndarray) -> QPoint:
        """Where on the canvas a point of the frame lies."""
        camera = self.viewer.scene.camera
        y, x = (world - camera.center[-2:]) * camera.zoom
        return self.canvas.rect().center() + QPoint(round(x), round(y))


@pytest.fixture
def clip(model_folder: Path, tmp_path: Path) -> Path:
    """A film in a file, and a model for it that is offered first."""
    make_default(generous_model(model_folder))
    return write_clip(tmp_path / "disc.mkv")


@pytest.fixture(scope="module")
def true() -> np.ndarray:
    return disc_clip()[1].astype(bool)


def dice(mask: Any, true: np.ndarray, frames: Any = OPEN) -> float:
    """The mean over frames, by its definition, apart from our own measures."""
    pairs = [(np.asarray(mask.data[frame]) == 1, true[frame]) for frame in frames]
    return float(np.mean([2 * np.sum(a & b) / (np.sum(a) + np.sum(b)) for a, b in pairs]))


def load(desk: Any, clip: Path) -> None:
    desk.menu("File", "IO Utilities", "Load (mambaseg)")
    panel = desk.panel("Load")
    desk.type(panel.field.line, str(clip))
    desk.wait(panel.open.isEnabled)
    desk.click(panel.open)
    desk.wait(lambda: len(desk.viewer.layers) == 1)
    assert desk.viewer.layers[0].data.shape == (N_FRAMES, 96, 128, 3)


def segment(desk: Any) -> Any:
    """Segment by two clicks: on the menu's item, and on Run; gives the mask's layer."""
    desk.menu("Layers", "Segment", "Segment (mambaseg)")
    panel = desk.panel("Segment")
    desk.wait(lambda: panel.session.ready is not None and panel.model.currentText() == "parent")
    desk.click(panel.run_button)
    desk.wait(lambda: panel.run_button.isEnabled())
    mask = desk.viewer.layers[-1]
    assert mask.metadata["provenance"]["model"] == "parent"
    return mask


def look_at_doubt(desk: Any) -> None:
    table = desk.panel("Segment").view.doubt.table
    for row in (2, 0):
        place = table.visualItemRect(table.item(row, 0)).center()
        desk.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert f"frame {desk.viewer.dims.current_step[0]}" == table.item(row, 0).text()


def correct(desk: Any, mask: Any, true: np.ndarray) -> Any:
    """Rub out what the model drew on some frames, draw the disc, and verify them."""
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    panel = desk.panel("Correct")
    desk.wait(lambda: panel.verify.isEnabled())
    hand = Hand(desk)
    desk.viewer.layers.selection.active = mask
    while mask.brush_size < 2 * RADIUS:
        hand.key("BracketRight")
    for frame in CORRECTED:
        place = panel.map.cell_of(frame).center()
        desk.qtbot.mouseClick(panel.map, Qt.MouseButton.LeftButton, pos=place)
        desk.wait(lambda frame=frame: f"frame {frame} " in panel.verify.text())
        before = dice(mask, true, [frame])
        row, column = np.argwhere(true[frame]).mean(axis=0)
        hand.key("1")  # the eraser
        for shift in (-RADIUS, 0, RADIUS):
            hand.stroke(mask, row + shift, (max(2, column - 40), min(125, column + 40)))
        hand.key("1", control=True)  # the class
        hand.key("2")  # the brush
        hand.stroke(mask, row, (column - 1, column + 1))
        assert dice(mask, true, [frame]) > 0.9 > before
        hand.key("V" if frame == CORRECTED[0] else "A")
        desk.wait(lambda frame=frame: panel.map.states[frame] == "verified")
    assert desk.viewer.dims.current_step[0] == CORRECTED[-1] + 1, "A goes on to the next"
    (store,) = (Store(path) for path in corrections_folder().glob("Dataset*"))
    (case,) = store.cases()
    assert store.verified_frames(case) == list(CORRECTED)
    for frame in CORRECTED:
        np.testing.assert_array_equal(store.read(case)[1].labels[frame], mask.data[frame])
    return panel


def carry(desk: Any, panel: Any, mask: Any, true: np.ndarray, notices: list[str]) -> None:
    """Carry the masks to the others, and have a copy of the model learn them."""
    alone, drawn = dice(mask, true), np.array(mask.data)
    desk.click(panel.carrying.adapt)
    desk.click(panel.carrying.carry)
    desk.wait(lambda: panel.carrying.carry.text() == "Carry to open frames")
    assert dice(mask, true) > max(alone, 0.8)
    assert "A copy of parent" in notices[-1]
    np.testing.assert_array_equal(mask.data[list(CORRECTED)], drawn[list(CORRECTED)])


def fine_tune(desk: Any) -> Any:
    """Train to the end, and look at before and after."""
    desk.menu("Layers", "Segment", "Fine-tune (mambaseg)")
    panel = desk.panel("Fine-tune")
    desk.wait(lambda: "4 train, 1 held out" in panel.setup.about_frames.text())
    assert panel.setup.model.currentText() == "parent"
    panel.setup.budget.unit.setCurrentText("steps")
    desk.type(panel.setup.budget.amount.lineEdit(), str(STEPS))
    desk.wait(lambda: panel.setup.problem == "")
    desk.click(panel.start)
    view = panel.view
    desk.wait(view.decision.keep.isVisible)
    desk.wait(view.wiper.isVisible)
    canvas = view.wiper.canvas
    pictures = []
    for x in (5, canvas.width() - 5):
        desk.qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(x, 50))
        pictures.append(canvas.grab().toImage())
    assert pictures[0] != pictures[1], "one shows the new mask, the other the old one"
    return panel


def keep(desk: Any, panel: Any, folder: Path) -> None:
    desk.type(panel.view.decision.name, "tuned")
    desk.click(panel.view.decision.keep)
    desk.wait(panel.again.isVisible)
    assert (folder / "tuned.safetensors").is_file()
    desk.wait(lambda: panel.setup.model.currentText() == "tuned")


def segment_again(desk: Any, panel: Any, mask: Any) -> Any:
    """Have the new model segment what nobody verified; gives the new layer."""
    drawn = np.array(mask.data)
    assert panel.again.press.text() == f"Segment the {len(OPEN)} open frames again"
    desk.click(panel.again.press)
    desk.wait(lambda: f"Done: {len(OPEN)} frames" in panel.again.said.text())
    new = desk.viewer.layers[-1]
    assert new.metadata["provenance"]["model"] == "tuned"
    np.testing.assert_array_equal(new.data[list(CORRECTED)], drawn[list(CORRECTED)])
    return new


def open_reference(desk: Any, true: np.ndarray, mask: Any, folder: Path) -> None:
    """Open a file that holds the true masks."""
    path = folder / "reference.nrrd"
    classes, geometry = LabelSet.from_names({1: "nodule"}), mask.metadata["geometry"]
    write_segmentation(Segmentation(true.astype(np.uint8), "TYX", classes, geometry), path)
    desk.viewer.open(path, plugin="mambaseg")
    assert desk.viewer.layers[-1].name == "reference"


def measure(desk: Any, mask: Any, true: np.ndarray) -> float:
    """Measure a mask on the frames that nobody verified; gives the mean Dice."""
    desk.menu("Layers", "Measure", "Metrics (mambaseg)")
    panel = desk.panel("Metrics")
    panel.prediction.setCurrentText(mask.name)
    panel.reference.setCurrentText("reference")
    panel.leave_out.setChecked(True)
    desk.click(panel.measure)
    desk.wait(lambda: f"Mean over {len(OPEN)} frames" in panel.note.text())
    shown = {int(line[0]): line[2] for line in panel.table.texts()}
    assert shown == {frame: f"{dice(mask, true, [frame]):.3f}" for frame in OPEN}
    assert f"<b>{dice(mask, true):.3f}</b>" in panel.means.text()
    return dice(mask, true)


def export(desk: Any, mask: Any, clip: Path, folder: Path) -> None:
    """Export a film by a preset, in the panel and in the shell."""
    desk.viewer.layers.selection.active = mask
    asked = ("File", "Save Selected Layers...")
    desk.menu_with_file(folder / "mask.nrrd", *asked, file_type="NRRD mask")
    np.testing.assert_array_equal(read_segmentation(folder / "mask.nrrd").labels, mask.data)

    desk.menu("Layers", "Visualize", "Export (mambaseg)")
    panel = desk.panel("Export")
    desk.wait(panel.picture.isVisible)
    panel.labels.setCurrentText(mask.name)
    desk.click(panel.look_fold.button)
    panel.look.mode.setCurrentText("Outline")
    panel.look.scale.setValue(3)
    desk.click(panel.look.time_stamp)
    desk.qtbot.keyClicks(panel.presets.names.lineEdit(), "clinic")
    desk.click(panel.presets.save)
    desk.type(panel.path.line, str(folder / "overlay.mp4"))
    desk.click(panel.export)
    desk.wait(panel.export.isEnabled)

    shell = ["export", str(clip), str(folder / "mask.nrrd"), "-p", "clinic"]
    assert main([*shell, "-o", str(folder / "shell.mp4")]) == 0
    film = folder / "overlay.mp4"
    assert film.read_bytes() == (folder / "shell.mp4").read_bytes()
    with av.open(str(film)) as opened:
        pictures = [one.to_ndarray(format="rgb24") for one in opened.decode(video=0)]
    assert [picture.shape for picture in pictures] == [(3 * 96, 3 * 128, 3)] * N_FRAMES


@pytest.mark.usefixtures("own_presets", "no_training_is_left")
def test_a_clip_is_corrected_learned_from_measured_and_exported(
    desk: Any,
    clip: Path,
    true: np.ndarray,
    model_folder: Path,
    tmp_path: Path,
    notices: list[str],
) -> None:
    load(desk, clip)
    mask = segment(desk)
    alone = dice(mask, true)
    look_at_doubt(desk)
    correcting = correct(desk, mask, true)
    carry(desk, correcting, mask, true, notices)
    tuning = fine_tune(desk)
    keep(desk, tuning, model_folder)
    found = segment_again(desk, tuning, mask)
    open_reference(desk, true, found, tmp_path)
    assert measure(desk, found, true) > alone
    export(desk, found, clip, tmp_path)
