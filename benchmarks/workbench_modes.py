"""What the workbench does while a clip plays: each mode prepares itself, starts, and ends.

A mode is called with the viewer, in which an image and its mask stand, and a folder to write to. It
gives a function that starts the work and itself gives one that says whether it has ended.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Ended = Callable[[], bool]
Start = Callable[[], Ended]
Mode = Callable[[Any, Path], Start]

SHAPE = (300, 600, 800)
IDLE_S, TUNE_MINUTES = 5, 0.3
VERIFIED = (10, 60, 110, 160, 210, 260)


def add_clip(viewer: Any) -> None:
    """Add the sample clip and its outlines, enlarged and repeated to 300 frames of 600 x 800."""
    import numpy as np
    from PIL import Image

    from mambaseg.data import read_image, sample_path
    from mambaseg.data.drawn_labels import read_drawn_labels
    from mambaseg.plugin.show import add_layers
    from mambaseg.types import Geometry, Segmentation

    n_frames, height, width = SHAPE
    sample = read_image(sample_path("echo"))
    outlines = Path(__file__).parent.parent / "sample_data" / "echo_left_ventricle.json"
    drawn = read_drawn_labels(outlines)
    size, nearest = (width, height), Image.Resampling.NEAREST
    frames = np.moveaxis(np.asarray(sample.array), 0, -1)
    large = np.stack([np.asarray(Image.fromarray(one).resize(size, nearest)) for one in frames])
    masks = [Image.fromarray(drawn.mask(index)) for index in drawn.frame_indices]
    labels = np.stack([np.asarray(mask.resize(size, nearest)) for mask in masks])
    geometry = Geometry(frame_times_s=tuple(index / 30 for index in range(n_frames)))
    array = np.moveaxis(large[np.arange(n_frames) % len(large)], -1, 0)
    film = dataclasses.replace(sample, array=array, geometry=geometry, source="clip.mp4")
    repeated = labels[np.arange(n_frames) % len(labels)]
    add_layers(viewer, film, Segmentation(repeated, "TYX", drawn.label_set, geometry))


def _wait(condition: Callable[[], Any], seconds: float = 300) -> None:
    from qtpy.QtTest import QTest

    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "napari took too long"
        QTest.qWait(50)


def _panel(viewer: Any, name: str) -> Any:
    return viewer.window.add_plugin_dock_widget("mambaseg", name)[1]


def idle(viewer: Any, folder: Path) -> Start:
    """Napari plays the clip, with image and mask on the screen."""

    def start() -> Ended:
        begun = time.perf_counter()
        return lambda: time.perf_counter() - begun > IDLE_S

    return start


def bare(viewer: Any, folder: Path) -> Start:
    """The engine works as it does under the panel; napari adds and redraws a Labels layer."""
    import numpy as np

    from mambaseg.plugin.from_layers import image_of
    from mambaseg.plugin.sessions import session_of
    from mambaseg.session import FramesDone, Request, Started, Succeeded
    from mambaseg.zoo import load_model

    session, image = session_of(viewer), viewer.layers[0]
    session.prepare()
    _wait(lambda: session.ready is not None)
    done: list[Any] = []

    def listen(event: Any) -> None:
        if isinstance(event, Started):
            viewer.add_labels(np.zeros(SHAPE, np.uint8), scale=image.scale, units=image.units)
        elif isinstance(event, FramesDone):
            viewer.layers[-1].refresh()
        elif isinstance(event, Succeeded):
            done.append(event)

    def start() -> Ended:
        session.service.submit(Request(image_of(image), load_model("vivim-echo-demo")), listen)
        return lambda: bool(done)

    return start


def segment(viewer: Any, folder: Path) -> Start:
    """The Segment panel's run."""
    viewer.layers.pop(1)
    panel = _panel(viewer, "Segment")
    _wait(lambda: panel.model.choice is not None and panel.session.ready is not None)

    def start() -> Ended:
        panel.run_button.click()
        return lambda: bool(panel.run_button.isEnabled())

    return start


def verify(viewer: Any, folder: Path) -> Start:
    """Frames are verified, which saves them with their clip."""
    from mambaseg.plugin.correction import correction_of

    correction = correction_of(viewer, viewer.layers[1])
    _wait(lambda: correction.clip.ready)

    def start() -> Ended:
        for frame in VERIFIED:
            correction.walk.to(frame)
            correction.toggle()
        return lambda: len(correction.clip.verified) == len(VERIFIED)

    return start


def fine_tune(viewer: Any, folder: Path) -> Start:
    """The Fine-tune panel's run on six verified frames."""
    ended = verify(viewer, folder)()
    _wait(ended)
    panel = _panel(viewer, "Fine-tune")
    _wait(lambda: panel.setup.problem == "")
    panel.setup.budget.amount.setValue(TUNE_MINUTES)

    def start() -> Ended:
        panel.start.click()
        over = ("finished", "failed", "cut off", "stopped")
        return lambda: panel.tuning is not None and panel.tuning.state in over

    return start


def save(viewer: Any, folder: Path) -> Start:
    """File > Save Selected Layers, as NRRD, and napari playing on."""

    def start() -> Ended:
        viewer.layers[1].save(str(folder / "mask.nrrd"), plugin="mambaseg")
        return idle(viewer, folder)()

    return start


def export(viewer: Any, folder: Path) -> Start:
    """The Export panel writes the whole clip as a film."""
    panel = _panel(viewer, "Export")
    panel.path.set_path(folder / "film.mp4")

    def start() -> Ended:
        panel.export.click()
        return lambda: bool(panel.export.isEnabled())

    return start


MODES: dict[str, Mode] = {
    one.__name__: one for one in (idle, bare, segment, verify, fine_tune, save, export)
}
