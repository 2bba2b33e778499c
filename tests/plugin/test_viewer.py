"""The plugin in a real napari: what its menus open and what stands on the screen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mambaseg.plugin.show import add_layers
from mambaseg.types import MedicalImage, Segmentation

pytest.importorskip("napari")
pytestmark = pytest.mark.usefixtures("display")


def test_sample_opens_from_the_menu(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    (layer,) = viewer.open_sample("mambaseg", "echo")
    assert layer.rgb
    assert layer.data.shape == (30, 240, 320, 3)
    assert layer.axis_labels == viewer.dims.axis_labels == ("t", "y", "x")
    assert [str(unit) for unit in layer.units] == ["second", "pixel", "pixel"]
    assert 1 / 100 < layer.scale[0] < 1 / 10
    pictures = []
    for index in (7, 20):
        viewer.dims.set_current_step(0, index)
        picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3]
        # every pixel of the frame stands on the screen, the brightest too
        assert picture.max() == pytest.approx(np.asarray(layer.data[index]).max(), abs=2)
        pictures.append(picture.astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() > 50


def test_image_and_mask_stand_on_the_screen(
    make_napari_viewer: Any, red_film: MedicalImage, block: Segmentation
) -> None:
    viewer = make_napari_viewer(show=True)
    add_layers(viewer, red_film, block)
    colours = viewer.screenshot(canvas_only=True, flash=False)[..., :3].reshape(-1, 3).astype(int)

    def share(colour: tuple[int, int, int]) -> float:
        return float(np.mean(np.abs(colours - colour).max(axis=1) < 8))

    # red where there is no mask; red and the class's orange, half each, where there is
    film, mask = share((200, 0, 0)), share((215, 80, 0))
    assert film > 0.1
    assert mask == pytest.approx(film, rel=0.1)


@pytest.mark.slow
def test_show_returns_when_the_window_is_closed(tmp_path: Path) -> None:
    script = tmp_path / "open_and_close.py"
    script.write_text(
        "import numpy as np\n"
        "from qtpy.QtCore import QTimer\n"
        "import napari\n"
        "from mambaseg.plugin.show import show\n"
        "from mambaseg.types import LabelSet, MedicalImage, Segmentation\n"
        "application, timer = napari.qt.get_qapp(), QTimer()\n"
        "def look():\n"
        "    if application.thread().loopLevel():  # show waits for the window to be closed\n"
        "        timer.stop()\n"
        "        print(*napari.current_viewer().layers)\n"
        "        napari.current_viewer().close()\n"
        "timer.timeout.connect(look)\n"
        "timer.start(50)\n"
        "labels = Segmentation(np.ones((8, 8), np.uint8), 'YX', LabelSet.from_names({1: 'a'}))\n"
        "show(MedicalImage(np.ones((1, 8, 8), np.uint8), 'CYX'), labels)\n"
        "print('closed')\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["image", "labels", "closed"]
