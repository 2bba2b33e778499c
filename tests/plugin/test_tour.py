"""The tour: five steps, once, for people alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("napari")
from qtpy.QtCore import Qt

from mambaseg.plugin.tour import Tour

pytestmark = pytest.mark.usefixtures("display")

SCRIPT = """
import sys, time
import napari
from qtpy.QtCore import QTimer
from mambaseg.plugin.tour import Tour

viewer, opened = napari.Viewer(), []

def look():
    if not opened:
        viewer.window.add_plugin_dock_widget("mambaseg", "Load")
        opened.append(time.monotonic())
    window = viewer.window.main_menu.window()
    tours = sum(tour.isVisible() for tour in window.findChildren(Tour))
    if tours or time.monotonic() > opened[0] + float(sys.argv[1]):
        print("tours:", tours, flush=True)
        viewer.close()

timer = QTimer()
timer.timeout.connect(look)
timer.start(500)
napari.run()
"""


def tours(viewer: Any) -> list[Tour]:
    found = viewer.window.main_menu.window().findChildren(Tour)
    return [tour for tour in found if tour.isVisible()]


def test_it_goes_by_the_keyboard_and_opens_panels(desk: Any) -> None:
    desk.viewer.window.add_plugin_dock_widget("mambaseg", "Segment")
    desk.menu("Help", "Tour of mambaseg")
    (tour,) = tours(desk.viewer)
    assert not tour.isModal()
    seen = []
    for _ in range(5):
        seen.append(tour.title.text())
        desk.qtbot.keyClick(tour, Qt.Key.Key_Return)
    panels = ("Load", "Segment", "Correct", "Fine-tune", "Export")
    assert seen == [f"<b>{i} of 5: {name}</b>" for i, name in enumerate(panels, 1)]
    desk.wait(lambda: not tours(desk.viewer))
    desk.menu("Help", "Tour of mambaseg")
    (tour,) = tours(desk.viewer)
    desk.click(tour.opener)
    assert "Load (mambaseg)" in desk.viewer.window.dock_widgets
    desk.qtbot.keyClick(tour, Qt.Key.Key_Escape)
    desk.wait(lambda: not tours(desk.viewer))


def test_it_does_not_open_for_a_script(desk: Any) -> None:
    desk.viewer.window.add_plugin_dock_widget("mambaseg", "Load")
    desk.qtbot.wait(2000)
    assert tours(desk.viewer) == []


@pytest.mark.slow
def test_it_opens_once_for_a_person(tmp_path: Path) -> None:
    environment = {**os.environ, "NAPARI_CONFIG": str(tmp_path / "settings.yaml")}
    told = [
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", SCRIPT, seconds],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        ).stdout
        for seconds in ("90", "5")
    ]
    assert "tours: 1" in told[0]
    assert "tours: 0" in told[1]
