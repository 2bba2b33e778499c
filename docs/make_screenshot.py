"""Make the README's picture of napari, from the real viewer with the sample clip segmented.

xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_screenshot.py

Where there is a display of its own, without xvfb-run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtTest import QTest

SIZE = (1280, 720)
FRAME = 20
LARGEST_BYTES = 400_000


def wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "napari took too long"
        QTest.qWait(50)


def main() -> None:
    viewer = napari.Viewer(title="mambaseg")
    viewer.theme = "dark"
    viewer.window.resize(*SIZE)
    viewer.open_sample("mambaseg", "echo")
    dock, panel = viewer.window.add_plugin_dock_widget("mambaseg", "Segment")
    QTest.qWait(500)
    viewer.window.add_plugin_dock_widget("mambaseg", "Export")
    QTest.qWait(500)
    dock.raise_()
    wait(lambda: panel.model.choice is not None and panel.session.ready is not None)
    panel.run_button.click()
    wait(panel.run_button.isEnabled)
    viewer.dims.set_current_step(0, FRAME)
    viewer.reset_view()
    QTest.qWait(1500)
    shot = viewer.screenshot(canvas_only=False, flash=False)
    target = Path(__file__).parent / "images" / "napari.png"
    Image.fromarray(np.ascontiguousarray(shot[..., :3])).quantize(
        256, dither=Image.Dither.NONE
    ).save(target, optimize=True)
    assert target.stat().st_size < LARGEST_BYTES, f"{target} is {target.stat().st_size} bytes"
    viewer.close()


if __name__ == "__main__":
    main()
