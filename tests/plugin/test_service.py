"""What the Segment panel shows of a run in a process of its own, by real clicks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QMessageBox, QPushButton

from mambaseg.inference import Adapted, Doubt, Engine, Estimate, Options
from mambaseg.plugin.from_layers import image_of

pytest.importorskip("napari")
from napari.layers import Labels

pytestmark = pytest.mark.usefixtures("display")


def masks(desk: Any) -> list[Any]:
    return [layer for layer in desk.viewer.layers if isinstance(layer, Labels)]


def desk_run(desk: Any, panel: Any) -> Any:
    desk.click(panel.run_button)
    desk.wait(panel.run_button.isEnabled)
    return masks(desk)[-1]


def answer(desk: Any, panel: Any, text: str) -> None:
    desk.wait(lambda: any(box.isVisible() for box in panel.findChildren(QMessageBox)))
    (box,) = [box for box in panel.findChildren(QMessageBox) if box.isVisible()]
    (button,) = [one for one in box.buttons() if one.text().replace("&", "") == text]
    desk.click(button)


def stroke(mask: Any, frame: int) -> np.ndarray:
    """Draw on a frame, and give what it should hold."""
    mask.data_setitem((np.array([frame] * 3), np.array([20, 20, 21]), np.array([30, 31, 30])), 1)
    return np.asarray(mask.data[frame]).copy()


@pytest.mark.slow
def test_a_killed_process_costs_no_stroke_and_run_starts_again(
    desk: Any, frames: Any, notices: list[str]
) -> None:
    image = desk.add_clip(60)
    frames.allow(30)
    panel = desk.segment()
    desk.click(panel.run_button)
    desk.wait(lambda: panel.bar.value() >= 6)
    (mask,) = masks(desk)
    drawn = stroke(mask, 50)
    pid = panel.session.service.pid
    os.kill(pid, signal.SIGKILL)
    frames.allow()
    desk.wait(panel.run_button.isEnabled)
    finished = panel.bar.value()
    assert 6 <= finished < 60
    assert masks(desk) == [mask]
    np.testing.assert_array_equal(mask.data[50], drawn)
    model = next(m for m in panel.session.models if m.name == "colour")
    expected = Engine("cpu").segment(image_of(image), model).labels
    np.testing.assert_array_equal(mask.data[:finished], expected[:finished])
    assert any("Press Run to go on" in text for text in notices)
    assert "Press Run to go on" in panel.progress.text()
    mask.undo()
    assert not mask.data[50].any(), "the stroke can still be undone"

    desk.type(panel.frames.last.lineEdit(), "9")
    desk.click(panel.run_button)
    answer(desk, panel, "Add")
    desk.wait(lambda: panel.run_button.isEnabled() and len(masks(desk)) == 2)
    assert panel.session.service.pid not in (None, pid)
    assert "Done: 10 frames" in panel.progress.text()
    expected = Engine("cpu").segment(image_of(image), model, Options(frames=range(10))).labels
    np.testing.assert_array_equal(masks(desk)[-1].data, expected)


@pytest.mark.slow
def test_a_second_run_waits_visibly_and_can_be_taken_out(desk: Any, frames: Any) -> None:
    desk.add_clip(60)
    frames.allow(30)
    other = desk.add_clip(6, name="short")
    panel = desk.segment()
    panel.layer.setCurrentText("blobs")
    desk.click(panel.run_button)
    desk.wait(lambda: panel.bar.value() >= 3)
    assert not panel.run_button.isVisible()
    panel.layer.setCurrentText("short")
    desk.click(panel.view.next_button)
    desk.click(panel.view.next_button)
    rows = panel.view.queue

    def buttons() -> list[Any]:
        return [one for one in rows.findChildren(QPushButton) if one.isVisible()]

    desk.wait(lambda: rows.isVisible() and len(buttons()) == 2)
    names = [one.accessibleName() for one in buttons()]
    assert names == ["Remove short: colour from the queue"] * 2
    desk.click(buttons()[0])
    desk.wait(lambda: len(buttons()) == 1)
    assert panel.bar.value() < 60, "the one that runs goes on"
    desk.click(panel.cancel_button)
    frames.allow()
    desk.wait(panel.run_button.isEnabled)
    assert not rows.isVisible()
    assert "Done: 6 frames" in panel.progress.text()
    assert "blobs: colour: Stopped" in panel.view.adapted.text()
    (mask,) = [one for one in masks(desk) if one.name.startswith("short")]
    assert mask.data.shape == other.data.shape[:3]


@pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped by POSIX signals")
def test_the_window_keeps_moving_while_a_model_is_loaded(desk: Any) -> None:
    from qtpy.QtCore import QTimer

    desk.add_clip(30)
    panel = desk.segment()
    pid = panel.session.service.pid
    os.kill(pid, signal.SIGSTOP)  # so that it loads until this test has seen enough
    goes_on = threading.Timer(60, os.kill, (pid, signal.SIGCONT))
    goes_on.start()
    ticks: list[int] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(20)
    desk.click(panel.run_button)
    desk.wait(lambda: len(ticks) > 10)
    timer.stop()
    assert goes_on.is_alive(), "the window waited for the model"
    assert panel.cancel_button.isEnabled()
    assert not masks(desk)
    goes_on.cancel()
    os.kill(pid, signal.SIGCONT)
    desk.wait(panel.run_button.isEnabled)
    assert masks(desk)


class Told:
    """A service that tells what an engine under pressure would."""

    def __init__(self, service: Any) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)

    def estimate(self, request: Any, told: Any, failed: Any) -> None:
        frames = request.options.frames
        told(Estimate(2**30, 2**33, f"Needs about {len(frames)} GB, 8.0 GB free", ()))

    def submit(self, request: Any, listener: Any) -> Any:
        from dataclasses import replace

        from mambaseg.session import Started, Succeeded

        scores = np.linspace(0.1, 0.9, len(request.options.frames)).astype(np.float32)
        scores[[2, 5]] = 0.97, 0.95

        def listen(event: Any) -> None:
            if isinstance(event, Succeeded):
                event = replace(event, doubt=Doubt("frames", 0, scores, entropy=scores))
            listener(event)
            if isinstance(event, Started):
                listener(Adapted("smaller_batch", "Memory ran short: goes on clip by clip."))

        return self._service.submit(request, listen)


def test_estimate_ladder_and_doubt_are_shown(desk: Any, notices: list[str]) -> None:
    image = desk.add_clip(8, scale=(0.04, 1, 1), translate=(0.4, 0, 0))
    panel = desk.segment()
    panel.session.service = Told(panel.session.service)
    desk.type(panel.frames.last.lineEdit(), "6")
    desk.wait(lambda: panel.needs.text() == "Needs about 7 GB, 8.0 GB free")
    desk.type(panel.frames.last.lineEdit(), "7")
    desk.wait(lambda: panel.needs.text() == "Needs about 8 GB, 8.0 GB free")
    assert not panel.view.doubt.isVisible()
    desk.click(panel.run_button)
    desk.wait(panel.run_button.isEnabled)
    assert panel.view.adapted.text() == "Memory ran short: goes on clip by clip."
    assert notices.count("Memory ran short: goes on clip by clip.") == 1

    doubt = panel.view.doubt
    assert doubt.isVisible()
    table = doubt.table
    listed = [table.item(row, 0).text() for row in range(table.rowCount())]
    assert listed[:3] == ["frame 2", "frame 5", "frame 7"]
    assert table.item(0, 1).text() == "97"
    assert table.cellWidget(0, 2).value() == 97

    def shown() -> int:
        return round(image.world_to_data((*desk.viewer.dims.point,))[0])

    place = table.visualItemRect(table.item(1, 0)).center()
    desk.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert shown() == 5
    desk.qtbot.keyClick(table, Qt.Key.Key_Down)
    assert shown() == 7
    desk.viewer.dims.set_current_step(0, 0)
    place = table.visualItemRect(table.item(2, 0)).center()
    desk.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert shown() == 7, "the current row, clicked again"

    desk.viewer.window.remove_dock_widget(panel)
    desk.menu("Layers", "Segment", "Segment (mambaseg)")
    again = desk.panel("Segment")
    desk.wait(again.view.doubt.isVisible)


def test_verified_frames_are_left_alone(desk: Any) -> None:
    desk.add_clip(8)
    panel = desk.segment()
    assert not panel.unverified.isVisible()
    desk.click(panel.run_button)
    desk.wait(panel.run_button.isEnabled)
    (mask,) = masks(desk)
    desk.viewer.layers.selection.active = mask
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    correct = desk.panel("Correct")
    desk.wait(correct.verify.isEnabled)
    desk.viewer.dims.set_current_step(0, 3)
    drawn = stroke(mask, 3)
    desk.wait(lambda: "frame 3" in correct.verify.text())
    desk.click(correct.verify)
    desk.wait(lambda: correct.map.states[3] == "verified")
    desk.raise_tab("Segment")
    desk.wait(panel.unverified.isVisible)
    assert "(1 is)" in panel.unverified.text()
    desk.qtbot.mouseClick(
        panel.unverified, Qt.MouseButton.LeftButton, pos=panel.unverified.rect().center() * 0.2
    )
    desk.wait(panel.unverified.isChecked)
    before = np.asarray(mask.data).copy()
    desk.click(panel.run_button)
    answer(desk, panel, "Add")
    desk.wait(lambda: panel.run_button.isEnabled() and len(masks(desk)) == 2)
    new = masks(desk)[-1]
    np.testing.assert_array_equal(new.data[3], drawn)
    np.testing.assert_array_equal(np.delete(new.data, 3, 0), np.delete(before, 3, 0))


@pytest.mark.slow
@pytest.mark.parametrize("scale", [(1.0, 1.0, 1.0), (0.04, 0.5, 0.25)])
def test_only_inside_a_rectangle(desk: Any, scale: tuple[float, ...]) -> None:
    desk.add_clip(5, scale=scale, translate=(0, 3, 4))
    panel = desk.segment()
    assert not panel.box.isVisible()
    whole = desk_run(desk, panel)
    corners = np.array([[10, 12], [10, 40], [30, 40], [30, 12]])
    desk.viewer.add_shapes(
        [corners * scale[1:] + (3, 4)], shape_type="rectangle", name="where to look"
    )
    desk.wait(panel.box.isVisible)
    assert "(29 x 21 pixels)" in panel.box.text()
    desk.qtbot.mouseClick(panel.box, Qt.MouseButton.LeftButton, pos=QPoint(10, 8))
    assert panel.box.isChecked()
    whole.data[:] = 1
    desk.click(panel.run_button)
    answer(desk, panel, "Replace")
    desk.wait(lambda: panel.run_button.isEnabled() and whole not in desk.viewer.layers)
    (mask,) = masks(desk)
    inside = np.zeros(mask.data.shape, bool)
    inside[:, 10:31, 12:41] = True
    assert (np.asarray(mask.data)[~inside] == 1).all(), "what lies outside stays"
    assert not np.asarray(mask.data)[inside].all()


def test_napari_never_loads_torch_to_segment(model_folder: Any) -> None:
    code = """
import sys
import napari, numpy as np
from qtpy.QtTest import QTest
viewer = napari.Viewer()
noise = np.random.default_rng(0).integers(0, 255, (9, 48, 60, 3)).astype(np.uint8)
viewer.add_image(noise, rgb=True)
_, panel = viewer.window.add_plugin_dock_widget("mambaseg", "Segment")
while panel.session.ready is None or panel.session.models is None:
    QTest.qWait(20)
panel.model.setCurrentText("colour")
panel.run_button.click()
while not panel.run_button.isEnabled():
    QTest.qWait(20)
print(panel.progress.text().split(":")[0], "torch" in sys.modules)
viewer.close()
"""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert run.stdout.split() == ["Done", "False"], run.stdout + run.stderr
    assert "resource_tracker" not in run.stderr
