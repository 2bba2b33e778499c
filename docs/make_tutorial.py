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
LARGEST_BYTES = 250_000  # of one picture
CORRECTED = (2, 7, 12, 17, 22, 27)
SHOWN = 20
STEPS = 80
WORST = 6


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

    def scroll(self, panel: Any, part: Any) -> None:
        """Have a part of a panel be the first that is seen, if what follows is long enough."""
        from qtpy.QtCore import QPoint
        from qtpy.QtWidgets import QScrollArea

        self.rest()
        area = panel.findChild(QScrollArea)
        area.verticalScrollBar().setValue(part.mapTo(area.widget(), QPoint(0, 0)).y() - 8)

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
        self.keep(name, Image.fromarray(np.ascontiguousarray(shot[..., :3])))

    def keep(self, name: str, picture: Any) -> None:
        """Write a picture for the tutorial, each colour as it is."""
        self.written.append(IMAGES / f"tutorial_{name}.png")
        picture.save(self.written[-1], optimize=True)


def segment(story: Story) -> Any:
    panel = story.panel("Segment")
    story.wait(lambda: panel.model.choice is not None and panel.session.ready is not None)
    story.show(SHOWN)
    story.viewer.reset_view()
    story.photograph("1_open")
    panel.run_button.click()
    story.wait(panel.run_button.isEnabled)
    story.show(SHOWN)
    story.scroll(panel, panel.about_layer)
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


def measure(story: Story, corrected: Any) -> Any:
    """Have the new model segment the clip, and measure its mask; gives it."""
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
    found = story.viewer.layers[-1]
    panel = story.panel("Metrics")
    panel.prediction.choose(found)
    panel.reference.choose(corrected)
    story.press(panel, "Measure")
    story.wait(lambda: panel.measurement is not None and panel.measure.isEnabled())
    # Both masks have the same colour, but where they differ there are others.
    panel.difference.click()
    corrected.visible = False
    found.contour = 1
    story.show(SHOWN)
    story.scroll(panel, panel.measure)
    story.photograph("7_metrics")
    panel.difference.click()
    found.contour = 0
    return found


def export(story: Story, mask: Any, folder: Path) -> None:
    """Write the frames in most doubt on one picture, and keep the settings as a preset."""
    from PIL import Image

    panel = story.panel("Export")
    panel.labels.choose(mask)
    panel.look.mode.setCurrentText("Outline")
    panel.look.scale.setValue(1)
    panel.look.time_stamp.click()
    panel.what.setCurrentText("Worst frames")
    panel.choice.count.setValue(WORST)
    panel.choice.sheet.click()
    panel.presets.names.setEditText("worst frames")
    story.press(panel.presets, "Save")
    sheet = folder / "worst.png"
    panel.path.set_path(sheet)
    story.show(SHOWN)
    story.press(panel, "Export")
    story.wait(lambda: sheet.is_file() and panel.export.isEnabled())
    story.photograph("8_export")
    story.keep("9_worst", Image.open(sheet).convert("RGB"))
    story.viewer.theme = "light"
    panel.look_fold.button.click()
    story.photograph("10_light")


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
        export(story, measure(story, mask), Path(home))
        story.viewer.close()
    sizes = {path.name: path.stat().st_size for path in story.written}
    assert max(sizes.values()) < LARGEST_BYTES, f"a picture is too large: {sizes}"
    print(f"{len(sizes)} pictures, {sum(sizes.values()) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
