"""Keys: they do what the manifest's table says, follow the Preferences, and are listed."""

from __future__ import annotations

from html import unescape
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from qtpy.QtCore import Qt

from mambaseg.plugin.keys import all_keys, bind, key_text
from mambaseg.plugin.keys_dialog import KeysDialog, show_keys

pytestmark = pytest.mark.usefixtures("display")


@pytest.fixture
def chosen(plugin_settings: None, npe2pm: Any, make_napari_viewer: Any) -> Any:
    """What napari keeps of our Preferences, in a folder of the test's own."""
    from napari.settings import get_plugin_settings
    from npe2 import PluginManifest

    npe2pm.register(PluginManifest.from_distribution("mambaseg"))
    return get_plugin_settings("mambaseg")


def dialogs(viewer: Any) -> list[KeysDialog]:
    found = viewer.window.main_menu.window().findChildren(KeysDialog)
    return [dialog for dialog in found if dialog.isVisible()]


def test_keys_of_a_layer_follow_the_preferences(chosen: Any, desk: Any) -> None:
    layer = desk.viewer.add_labels(np.zeros((3, 8, 8), np.uint8))
    done: list[str] = []
    for name in ("correct.verify", "correct.next_open", "correct.previous_open"):
        bind(layer, name, lambda on, name=name: done.append(name.split(".")[1]))
    window = desk.viewer.window.main_menu.window()

    def press(*keys: Any) -> list[str]:
        done.clear()
        for key in keys:
            desk.qtbot.keyClick(window, *key) if isinstance(key, tuple) else desk.qtbot.keyClick(
                window, key
            )
        return list(done)

    shift_n = (Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert press(Qt.Key.Key_V, Qt.Key.Key_N, shift_n) == ["verify", "next_open", "previous_open"]
    chosen.keys_correct.verify = "K"
    assert press(Qt.Key.Key_K) == ["verify"]
    layer.visible = True
    assert press(Qt.Key.Key_V) == []  # napari's own again
    assert not layer.visible
    # two that change places
    chosen.keys_correct.update({"next_open": "Shift+N", "previous_open": "N"})
    assert press(Qt.Key.Key_N, shift_n) == ["previous_open", "next_open"]
    chosen.keys_correct.verify = "no key"
    assert key_text("correct.verify") == "V"
    assert press(Qt.Key.Key_V) == ["verify"]
    chosen.keys_correct.verify = ""
    assert press(Qt.Key.Key_V, Qt.Key.Key_K) == []
    assert "verify: ''" in chosen.config_path.read_text()


def test_keys_and_tooltips_of_a_panel_follow_the_preferences(
    chosen: Any, desk: Any, notices: list[str]
) -> None:
    panel = desk.viewer.window.add_plugin_dock_widget("mambaseg", "Segment")[1]
    assert "Ctrl+Return" in panel.run_button.toolTip()
    chosen.keys_segment.run = "Ctrl+J"
    assert "Ctrl+J" in panel.run_button.toolTip()
    desk.activate(panel)
    control = Qt.KeyboardModifier.ControlModifier
    desk.qtbot.keyClick(panel, Qt.Key.Key_Return, control)
    assert not any("image layer" in notice for notice in notices)
    desk.qtbot.keyClick(panel, Qt.Key.Key_J, control)
    desk.wait(lambda: any("image layer" in notice for notice in notices))


def test_the_list_of_keys_has_them_all_and_opens_everywhere(chosen: Any, desk: Any) -> None:
    viewer = desk.viewer
    panel = viewer.window.add_plugin_dock_widget("mambaseg", "Load")[1]
    desk.menu("Help", "Keys of mambaseg")
    (dialog,) = dialogs(viewer)
    listed = unescape(dialog.list.text())
    for key in all_keys():
        assert key.text in listed
        assert f"<tt>{key_text(key.name)}</tt>" in listed
    assert "Frame back" in listed
    desk.qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialogs(viewer) == []
    desk.qtbot.keyClick(panel, Qt.Key.Key_F1)
    assert len(dialogs(viewer)) == 1
    chosen.keys_correct.verify = "K"
    desk.click(panel.help)
    assert "<tt>K</tt>" in dialogs(viewer)[-1].list.text()
    show_keys(viewer)
    desk.wait(lambda: len(dialogs(viewer)) == 1)


@pytest.mark.slow
def test_the_preferences_choose_device_and_memory(chosen: Any, desk: Any) -> None:
    chosen.computing.device = "cpu"
    chosen.computing.memory_gb = 3
    panel = desk.segment()
    assert panel.device.currentData() == "cpu"
    told: list[Any] = []
    panel.session.service.memory(told.append)
    desk.wait(lambda: bool(told))
    assert told[0].limit_bytes in (None, 3 * 2**30)
