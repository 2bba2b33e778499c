"""What is done in the viewer while the Export panel draws or writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from holding import Hold
from patience import wait_for
from PIL import Image

from mambaseg.export import FrameComposer
from mambaseg.metrics.values import all_values
from mambaseg.plugin.from_layers import image_of, segmentation_of

pytestmark = pytest.mark.usefixtures("display")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hold]:
    """Holds an export before it composes frame 2."""

    def here(composer: FrameComposer, frame: int = 0) -> bool:
        return frame == 2 and threading.current_thread().name.startswith("mambaseg-exports")

    hold = Hold(FrameComposer.compose, here)
    monkeypatch.setattr(FrameComposer, "compose", hold)
    yield hold
    hold.release()


def export_panel(desk: Any, *, drawn: bool = True) -> Any:
    """Open the panel on a clip with a mask that names no classes; `drawn`: wait for its picture."""
    desk.add_clip(4)
    labels = np.zeros((4, 48, 60), np.uint8)
    labels[:, 10:30, 20:40] = 7
    desk.viewer.add_labels(labels, name="square")
    desk.viewer.dims.set_current_step(0, 0)
    desk.menu("Layers", "Visualize", "Export (mambaseg)")
    panel = desk.panel("Export")
    if drawn:
        desk.wait(panel.picture.isVisible)
    panel.look.scale.setValue(1)
    panel.format.setCurrentText("PNG pictures")
    return panel


def start(desk: Any, panel: Any, path: Path) -> None:
    desk.type(panel.path.line, str(path))
    desk.click(panel.export)


def pictures(desk: Any, panel: Any) -> list[np.ndarray]:
    """Compose all frames as they are now."""
    image, mask = desk.viewer.layers
    taken = segmentation_of(mask)
    taken = replace(taken, labels=np.asarray(taken.labels).copy())
    composer = FrameComposer(image_of(image), taken, panel.look.overlay_style)
    return list(composer.pictures(range(4)))


@pytest.mark.parametrize("meanwhile", ["drawn on", "closed"])
def test_an_export_shows_the_mask_as_it_was_when_it_began(
    desk: Any, held: Hold, tmp_path: Path, notices: list[str], meanwhile: str
) -> None:
    panel = export_panel(desk)
    expected = pictures(desk, panel)
    start(desk, panel, tmp_path / "a")
    desk.wait(held.reached.is_set)
    if meanwhile == "drawn on":
        place = (np.arange(4), np.full(4, 20), np.full(4, 30))
        desk.viewer.layers["square"].data_setitem(place, 0)
        assert not np.array_equal(pictures(desk, panel)[3], expected[3])
    else:
        desk.viewer.layers.clear()
    held.release()
    desk.wait(lambda: "Wrote" in panel.note.text())
    assert any(f"Wrote {tmp_path / 'a'}" in text for text in notices)
    written = sorted((tmp_path / "a").iterdir())
    for path, picture in zip(written, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), picture)
    assert not list(tmp_path.glob(".partial*"))


def test_cancel_in_time_says_that_nothing_was_written(
    desk: Any, held: Hold, tmp_path: Path
) -> None:
    panel = export_panel(desk)
    start(desk, panel, tmp_path / "a")
    desk.wait(held.reached.is_set)
    desk.click(panel.cancel)
    assert not panel.export.isEnabled(), "it has not ended yet"
    held.release()
    desk.wait(panel.export.isEnabled)
    assert panel.note.text() == "Cancelled; nothing was written."
    assert not list(tmp_path.glob("*a"))


def test_cancel_that_comes_too_late_says_what_was_written(desk: Any, tmp_path: Path) -> None:
    panel = export_panel(desk)
    start(desk, panel, tmp_path / "a")
    wait_for((tmp_path / "a").is_dir)  # Qt is told of nothing meanwhile
    panel.cancel.click()
    desk.wait(panel.export.isEnabled)
    assert f"Wrote {tmp_path / 'a'}" in panel.note.text()


def test_the_classes_of_a_mask_are_looked_for_beside_qt(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Hold(all_values)
    monkeypatch.setattr("mambaseg.session.taken_mask.all_values", look)
    panel = export_panel(desk, drawn=False)
    desk.wait(look.reached.is_set)
    assert not panel.picture.isVisible()
    look.release()
    desk.wait(panel.picture.isVisible)
    assert panel.export.isEnabled()
