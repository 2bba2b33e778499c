"""A window that closes leaves nothing running, and nothing locked."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_masks import N_FRAMES, add_mask, on_disk, watched

from mambaseg.corrections import list_kept_work
from mambaseg.plugin.keeping import keeping_of

pytestmark = pytest.mark.usefixtures("display")


@pytest.fixture(autouse=True)
def home(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def ours() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name.startswith("mambaseg")}


def close_by_its_button(viewer: Any) -> None:
    """As a person does: the layers stay in a viewer that nobody sees any more."""
    window = viewer.window._qt_window
    viewer.window._teardown()
    viewer.window._qt_viewer.close()
    window.close()
    del viewer.window._qt_window  # else the fixture would close it once more


def close_by_a_call(viewer: Any) -> None:
    viewer.close()


@pytest.mark.parametrize("close", [close_by_a_call, close_by_its_button])
def test_a_window_that_closes_lets_the_next_one_go_on(
    desk: Any, make_napari_viewer: Any, qtbot: Any, notices: list[str], close: Any
) -> None:
    before = ours()
    mask = add_mask(desk)
    recorder = watched(desk, mask)
    mask.paint((2, 20, 20), 1)
    on_disk(desk, recorder, mask)
    assert ours() - before
    close(desk.viewer)
    desk.wait(lambda: ours() <= before)
    again = type(desk)(make_napari_viewer(show=True), qtbot)
    keeping = keeping_of(again.viewer)
    image = again.add_clip(N_FRAMES)
    again.wait(lambda: image in keeping.offers)
    (work,) = keeping.offers[image].work
    assert not any("Another viewer" in text for text in notices)
    keeping.restore(image, work)
    again.wait(lambda: len(again.viewer.layers) == 2)
    np.testing.assert_array_equal(again.viewer.layers[-1].data, mask.data)


def test_what_went_with_its_image_is_offered_and_what_was_removed_comes_last(desk: Any) -> None:
    mask = add_mask(desk, name="mine")
    recorder = watched(desk, mask)
    mask.paint((2, 20, 20), 1)
    on_disk(desk, recorder, mask)
    drawn = mask.data.copy()

    def shown() -> bool:
        docked = "Correct (mambaseg)" in desk.viewer.window.dock_widgets
        return docked and desk.panel("Correct").offer.isVisible()

    def offer_after_clearing() -> Any:
        desk.viewer.layers.clear()  # as before another case is opened
        desk.wait(lambda: not shown() and not any(work.open for work in list_kept_work()[0]))
        desk.add_clip(N_FRAMES)
        desk.wait(shown)
        return desk.panel("Correct").offer

    offer = offer_after_clearing()
    assert offer.choice.count() == 1
    assert "removed" not in offer.choice.currentText()
    desk.click(offer.restore)
    desk.wait(lambda: len(desk.viewer.layers) == 2)
    np.testing.assert_array_equal(desk.viewer.layers[-1].data, drawn)
    desk.viewer.layers.remove(desk.viewer.layers[-1])
    desk.wait(lambda: list_kept_work()[0][0].removed)
    other = add_mask(desk, name="newer")
    other.paint((3, 20, 20), 2)
    on_disk(desk, watched(desk, other), other)
    offer = offer_after_clearing()
    names = [offer.choice.itemText(n) for n in range(offer.choice.count())]
    assert [name.split(":")[0] for name in names] == ["newer", "mine (removed)"]
    offer.choice.setCurrentIndex(1)
    desk.click(offer.restore)
    desk.wait(lambda: len(desk.viewer.layers) == 2)
    np.testing.assert_array_equal(desk.viewer.layers[-1].data, drawn)
    offer = offer_after_clearing()
    names = [offer.choice.itemText(n) for n in range(offer.choice.count())]
    assert not any("removed" in name for name in names), "what was restored is no longer removed"
