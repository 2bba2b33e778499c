"""A viewer in a process of its own, in which every frame of a clip is verified by clicks.

Run with the clip's number, and "train" to have it press Start in the Fine-tune panel after some
frames. It says "ready", each frame once the Correct panel shows it as verified, and "trains".
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable

import napari
import numpy as np
from patience import wait_for
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from verified import disc_film

from mambaseg.plugin.show import add_layers
from mambaseg.types import MedicalImage, Segmentation


def numbered_film(number: int) -> tuple[MedicalImage, Segmentation]:
    """A film whose pixels no other number has."""
    film, masks = disc_film()
    return dataclasses.replace(film, array=film.array + np.uint8(number)), masks


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def wait(condition: Callable[[], object]) -> None:
    wait_for(condition, QApplication.processEvents)


def click(button: object) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def main(number: int, *, train: bool) -> None:
    viewer = napari.Viewer()
    add_layers(viewer, *numbered_film(number))
    correct = viewer.window.add_plugin_dock_widget("mambaseg", "Correct")[1]
    tune = viewer.window.add_plugin_dock_widget("mambaseg", "Fine-tune")[1] if train else None
    wait(lambda: correct.verify.isEnabled())
    say("ready")
    for frame in range(0, 30, 2):
        viewer.dims.set_current_step(0, frame)
        wait(lambda frame=frame: f"frame {frame} " in correct.verify.text())
        click(correct.verify)
        wait(lambda frame=frame: correct.map.states[frame] == "verified")
        say(frame)
        if tune is not None and frame == 8:
            tune.setup.read()
            wait(lambda: tune.setup.frames.topLevelItemCount() > 0)
            tune.setup.model.setCurrentText("parent")
            tune.setup.budget.amount.setValue(0.5)
            wait(lambda: tune.setup.problem == "")
            click(tune.start)
            wait(lambda: tune.tuning is not None)
            say("trains")
    wait(lambda: False)


if __name__ == "__main__":
    main(int(sys.argv[1]), train="train" in sys.argv[2:])
