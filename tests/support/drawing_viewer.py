"""A viewer in a process of its own, whose mask is drawn on until it is killed.

What the mask holds after each edit goes to `states.bin` in a folder, with the time, before the
next edit begins; it says "ready" once the journal is on disk.

Run with "clicks", a seed and a folder, the edits are made by mouse and keys in a shown window. Run
with "server" it reads a seed and a folder per line, and forks for each a process that draws by
napari's own calls on a real Labels layer, without a window: that is quick. It says its number.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import napari
import numpy as np
from models import random_clip
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from mambaseg.plugin.keeping import keeping_of
from mambaseg.types import LabelSet

SHAPE = (6, 48, 60)
HEAD = struct.Struct("<dI")


def states_of(folder: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Times and masks that a viewer has told, as far as they are whole."""
    data, start = (folder / "states.bin").read_bytes(), 0
    while start + HEAD.size <= len(data):
        when, length = HEAD.unpack_from(data, start)
        start += HEAD.size
        if start + length > len(data):
            return
        mask = np.frombuffer(zlib.decompress(data[start : start + length]), np.uint8)
        yield when, mask.reshape(SHAPE)
        start += length


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(seed: int, folder: Path, *, clicks: bool) -> None:
    randomly = random.Random(seed)  # noqa: S311
    application = QApplication.instance() or QApplication([])
    viewer = napari.Viewer() if clicks else ViewerModel()
    colours_last = np.moveaxis(np.asarray(random_clip(SHAPE[0]).array), 0, -1)
    viewer.add_image(colours_last, rgb=True, name="blobs")
    classes = LabelSet.from_names({1: "nodule", 2: "vessel"})
    mask = viewer.add_labels(np.zeros(SHAPE, np.uint8), metadata={"label_set": classes})
    recorder = keeping_of(viewer).watch(mask)

    def spin(seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            application.processEvents()
            time.sleep(0.002)

    while not recorder.journal.status.path:
        spin(0.01)
    say("ready")
    canvas = viewer.window._qt_viewer.canvas.native if clicks else None
    middle = QPoint(canvas.width() // 2, canvas.height() // 2) if clicks else None

    def drag() -> None:
        start = middle + QPoint(randomly.randint(-100, 100), randomly.randint(-80, 80))
        step = QPoint(randomly.randint(-8, 8), randomly.randint(-8, 8))
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
        for number in range(1, 5):
            QTest.mouseMove(canvas, start + step * number)
            spin(0.005)
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=start + step * 4)

    def edit() -> None:
        frame, row, column = (randomly.randrange(n) for n in SHAPE)
        value = randomly.randint(0, 2)
        mask.brush_size, mask.selected_label = randomly.randint(3, 15), value
        act = randomly.randrange(8)
        viewer.dims.set_current_step(0, frame)
        if act == 0:
            recorder.undo()
        elif act == 1:
            recorder.redo()
        elif act == 2:
            mask.undo()
        elif act == 3:
            mask.fill((frame, row, column), value)
        elif act == 4:
            recorder.written([frame], "model")
            mask.data[frame] = randomly.randint(0, 2)
            recorder.written([frame], "model")
            mask.refresh()
        elif clicks:
            mask.mode = "paint"
            drag()
        else:
            mask.paint((frame, row, column), value)

    with (folder / "states.bin").open("ab", buffering=0) as file:
        while True:
            edit()
            spin(randomly.uniform(0.01, 0.06))
            packed = zlib.compress(mask.data.tobytes(), 1)
            file.write(HEAD.pack(time.time(), len(packed)) + packed)


def serve() -> None:
    for line in sys.stdin:
        seed, folder = line.split(maxsplit=1)
        number = os.fork()
        if number == 0:
            main(int(seed), Path(folder.strip()), clicks=False)
        say(number)
        os.waitpid(number, 0)
        say("dead")


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve()
    else:
        main(int(sys.argv[2]), Path(sys.argv[3]), clicks=True)
