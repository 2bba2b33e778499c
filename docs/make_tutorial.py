"""Make the tutorial's pictures: its whole story in the real viewer, by the panels' own buttons.

xvfb-run -a -s "-screen 0 1280x720x24" python docs/make_tutorial.py

Takes some minutes. Works in folders of its own: nobody's corrections, models or settings are
touched. Where a button has another name than the story gives it, the script ends and says so.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parent / "images"
OUTLINES = Path(__file__).parent.parent / "sample_data" / "echo_left_ventricle.json"
SIZE = (1280, 720)
COLORS = 256
LARGEST_BYTES = 1_500_000  # of all pictures together
CORRECTED = (2, 7, 12, 17, 22, 27)
SHOWN = 20
STEPS = 80


class Story:
    """A viewer, and what a person does in it."""

    def __init__(self) -> None:
        import napari

        self.viewer = napari.Viewer(title="mambaseg")
        self.viewer.theme = "dark"
        self.viewer.window.resize(*SIZE)
        self.written: list[Path] = []

    def wait(self, condition: Callable[[], Any], seconds: float = 240) -> None:
        from qtpy.QtTest import QTest

        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "napari took too long"
            QTest.qWait(50)

    def rest(self, milliseconds: int = 600) -> None:
        from qtpy.QtTest import QTest

        QTest.qWait(milliseconds)

    def panel(self, name: str) -> Any:
        """Open a panel, or bring it to the front."""
        dock, panel = self.viewer.window.add_plugin_dock_widget("mambaseg", name)
        self.rest()
        dock.raise_()
        return panel

    def find(self, parent: Any, text: str) -> Any:
        """The button that is seen and begins with a text; None if there is none."""
        from qtpy.QtWidgets import QPushButton

        seen = [one for one in parent.findChildren(QPushButton) if one.isVisible()]
        return next((one for one in seen if one.text().replace("&", "").startswith(text)), None)

    def press(self, parent: Any, text: str) -> None:
        """Click on a button, once it can be."""
        self.wait(lambda: (one := self.find(parent, text)) is not None and one.isEnabled(), 60)
        self.find(parent, text).click()

    def show(self, frame: int) -> None:
        self.viewer.dims.set_current_step(0, frame)
        self.rest()

    def photograph(self, name: str) -> None:
        """Write what the window shows, without napari's passing notices."""
        import numpy as np
        from PIL import Image
        from qtpy.QtWidgets import QDialog

        window = self.viewer.window.main_menu.window()
        for notice in window.findChildren(QDialog):
            if type(notice).__name__ == "NapariQtNotification":
                notice.close()
        self.rest(1500)
        shot = self.viewer.screenshot(canvas_only=False, flash=False)
        picture = Image.fromarray(np.ascontiguousarray(shot[..., :3]))
        self.written.append(IMAGES / f"tutorial_{name}.png")
        picture.quantize(COLORS, dither=Image.Dither.NONE).save(self.written[-1], optimize=True)


def segment(story: Story) -> Any:
    panel = story.panel("Segment")
    story.wait(lambda: panel.model.choice is not None and panel.session.ready is not None)
    story.show(SHOWN)
    story.viewer.reset_view()
    story.photograph("1_open")
    panel.run_button.click()
    story.wait(panel.run_button.isEnabled)
    story.show(SHOWN)
    story.photograph("2_segment")
    return story.viewer.layers[-1]


def correct(story: Story, mask: Any) -> None:
    """Give some frames the outline that a person drew, as strokes, and verify them."""
    import numpy as np

    from mambaseg.data.drawn_labels import read_drawn_labels

    drawn = read_drawn_labels(OUTLINES)
    panel = story.panel("Correct")
    story.viewer.layers.selection.active = mask
    for frame in CORRECTED:
        story.show(frame)
        outline = drawn.mask(frame)
        rows, columns = np.nonzero(np.asarray(mask.data[frame]) != outline)
        with mask.block_history():
            place = (np.full(rows.size, frame), rows, columns)
            mask.data_setitem(place, outline[rows, columns])
        story.rest(300)
        if frame != CORRECTED[-1]:
            story.press(panel, "Verify")
            story.wait(lambda: story.find(panel, "Unverify") is not None)
    story.photograph("3_correct")
    story.press(panel, "Verify")
    story.wait(lambda: story.find(panel, "Unverify") is not None)
    story.press(panel, "Carry")
    story.rest(1000)
    story.wait(lambda: story.find(panel, "Carry") is not None)
    story.show(SHOWN)
    story.photograph("4_carry")


def fine_tune(story: Story) -> None:
    panel = story.panel("Fine-tune")
    story.wait(lambda: panel.setup.problem == "")
    panel.setup.budget.unit.setCurrentText("steps")
    panel.setup.budget.amount.setValue(STEPS)
    story.photograph("5_finetune")
    story.press(panel, "Start")
    story.wait(lambda: story.find(panel, "Keep") is not None, 1200)
    story.rest(2000)
    story.photograph("6_result")
    story.press(panel, "Keep")
    story.rest(3000)


def measure(story: Story, corrected: Any) -> None:
    """Have the new model segment the clip, and measure its mask against the corrected one."""
    from qtpy.QtWidgets import QApplication, QMessageBox

    corrected.name = "corrected"
    segment = story.panel("Segment")
    n_layers = len(story.viewer.layers)
    segment.run_button.click()
    story.rest()
    for box in QApplication.topLevelWidgets():
        if isinstance(box, QMessageBox) and box.isVisible():
            story.press(box, "Add")
    story.wait(lambda: len(story.viewer.layers) > n_layers and segment.run_button.isEnabled())
    panel = story.panel("Metrics")
    panel.prediction.choose(story.viewer.layers[-1])
    panel.reference.choose(corrected)
    story.press(panel, "Measure")
    story.wait(lambda: panel.measurement is not None and panel.measure.isEnabled())
    story.show(SHOWN)
    story.photograph("7_metrics")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mambaseg-") as home:
        for name in ("DATA", "CONFIG", "STATE"):
            os.environ[f"XDG_{name}_HOME"] = str(Path(home, name.lower()))
        os.environ["LOGNAME"] = "you"  # whom the history names
        os.environ["NAPARI_CONFIG"] = str(Path(home, "napari.yaml"))
        story = Story()
        story.viewer.open_sample("mambaseg", "echo")
        mask = segment(story)
        correct(story, mask)
        fine_tune(story)
        measure(story, mask)
        story.panel("Export")
        story.show(SHOWN)
        story.photograph("8_export")
        story.viewer.close()
    size = sum(path.stat().st_size for path in story.written)
    assert size < LARGEST_BYTES, f"the pictures are {size} bytes"
    print(f"{len(story.written)} pictures, {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
