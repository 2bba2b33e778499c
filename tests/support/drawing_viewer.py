"""A viewer in a process of its own, whose mask is drawn on until it is killed.

It keeps a log, `states.bin`, of what the mask held and when, written in the moment in which that
changed and before the journal can know of it; and of which edit is on its way, before it begins.
It says "ready" once the journal is on disk.

Run with "clicks", a seed and a folder, the edits are made by mouse and keys in a shown window. Run
with "server" it reads a seed and a folder per line, and forks for each a process that draws by
napari's own calls on a real Labels layer, without a window: that is quick. It says its number.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import napari
import numpy as np
from models import random_clip
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from state_log import SHAPE, StateLog

from mambaseg.plugin.keeping import keeping_of
from mambaseg.session import event_now
from mambaseg.types import LabelSet


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def add_layers(viewer: Any) -> Any:
    """Add a clip and its mask; gives the mask's layer."""
    colours_last = np.moveaxis(np.asarray(random_clip(SHAPE[0]).array), 0, -1)
    viewer.add_image(colours_last, rgb=True, name="blobs")
    classes = LabelSet.from_names({1: "nodule", 2: "vessel"})
    return viewer.add_labels(np.zeros(SHAPE, np.uint8), metadata={"label_set": classes})


class Hand:
    """Draws on a mask by all the ways there are, at random.

    Parameters
    ----------
    seed : int
    folder : Path
        Where the log goes.
    clicks : bool
        Whether it uses the mouse on a window.
    """

    def __init__(self, seed: int, folder: Path, *, clicks: bool) -> None:
        self.randomly = random.Random(seed)  # noqa: S311
        self.application = QApplication.instance() or QApplication([])
        self.viewer = napari.Viewer() if clicks else ViewerModel()
        self.mask = add_layers(self.viewer)
        self.recorder = keeping_of(self.viewer).watch(self.mask)
        self.log = StateLog(folder)
        # Connected last, these are told before the recorder is.
        self.mask.events.labels_update.connect(self.tell)
        self.mask.events.set_data.connect(self.tell)
        self.canvas = self.viewer.window._qt_viewer.canvas.native if clicks else None
        while not self.recorder.journal.status.path:
            self.spin(0.01)

    def tell(self, event: object = None) -> None:
        self.log.state(self.mask.data)

    def spin(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.application.processEvents()
            time.sleep(0.002)

    def edit(self) -> None:
        """Make one edit, and log it before and after."""
        frame = self.randomly.randrange(SHAPE[0])
        kind, act = self._choose(frame)
        self.viewer.dims.set_current_step(0, frame)
        self.log.begin(kind, frame)
        act()
        self.tell()
        self.log.end()

    def _choose(self, frame: int) -> tuple[str, Callable[[], Any]]:
        place = (frame, self.randomly.randrange(SHAPE[1]), self.randomly.randrange(SHAPE[2]))
        value = self.randomly.randint(0, 2)
        self.mask.brush_size, self.mask.selected_label = self.randomly.randint(3, 15), value
        act = self.randomly.randrange(8)
        if act < 2:
            return ("undo", "redo")[act], partial(self._go, ("undo", "redo")[act])
        if act == 2:
            return "untold", self.mask.undo
        if act == 3:
            return "drawn", partial(self.mask.fill, place, value)
        if act == 4:
            return "drawn", partial(self._run, frame, self.randomly.randint(0, 2))
        if self.canvas is not None:
            return "drawn", self._drag
        return "drawn", partial(self.mask.paint, place, value)

    def _go(self, way: str) -> None:
        """Undo or redo by the journal, and wait for the answer: it comes in its own time."""
        getattr(self.recorder, way)()
        while self.recorder.journal.behind_s:
            self.spin(0.002)
        self.spin(0.002)

    def _run(self, frame: int, value: int) -> None:
        """Write a frame as a model does."""
        self.recorder.written([frame], event_now("run", model="model"), self)
        self.mask.data[frame] = value
        self.tell()
        self.recorder.written([frame], event_now("run", model="model"), self)
        self.mask.refresh()

    def _drag(self) -> None:
        assert self.canvas is not None
        self.mask.mode = "paint"
        middle = QPoint(self.canvas.width() // 2, self.canvas.height() // 2)
        start = middle + QPoint(self.randomly.randint(-100, 100), self.randomly.randint(-80, 80))
        step = QPoint(self.randomly.randint(-8, 8), self.randomly.randint(-8, 8))
        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=start)
        for number in range(1, 5):
            QTest.mouseMove(self.canvas, start + step * number)
            self.spin(0.005)
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=start + step * 4)


def main(seed: int, folder: Path, *, clicks: bool) -> None:
    hand = Hand(seed, folder, clicks=clicks)
    say("ready")
    while True:
        hand.edit()
        hand.spin(hand.randomly.uniform(0.01, 0.06))


def serve() -> None:
    # All that napari imports and sets up by then need not be done in each process.
    add_layers(ViewerModel()).paint((0, 20, 20), 1)
    for line in sys.stdin:
        seed, folder = line.split(maxsplit=1)
        number = os.fork()
        if number == 0:
            os.environ["XDG_DATA_HOME"] = folder.strip()
            main(int(seed), Path(folder.strip()), clicks=False)
        say(number)
        os.waitpid(number, 0)
        say("dead")


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve()
    else:
        main(int(sys.argv[2]), Path(sys.argv[3]), clicks=True)
