"""The plugin's tests need napari, and most of them a display."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S

from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation

# napari's proxies then raise where a panel touches the viewer from another thread.
os.environ["NAPARI_ENSURE_PLUGIN_MAIN_THREAD"] = "1"


@pytest.fixture(scope="session")
def display() -> None:
    """Skip without a display, where Qt would end the whole test run; in CI there must be one.

    Of the widest scope, so that it comes before the fixture that starts Qt.
    """
    if sys.platform != "linux" or os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}:
        return
    if os.environ.get("CI"):
        pytest.fail("no display, though the tests run in CI", pytrace=False)
    pytest.skip("no display: run the tests with make test, which installs Xvfb")


@pytest.fixture
def red_film() -> MedicalImage:
    """A film that is pure red, 4 frames of 16 x 24 at 25 per second: swapped axes cannot hide."""
    array = np.zeros((3, 4, 16, 24), np.uint8)
    array[0] = 200
    times = tuple(0.5 + i / 25 for i in range(4))
    geometry = Geometry(spacing_mm=(0.4, 0.3), frame_times_s=times)
    return MedicalImage(array, "CTYX", geometry, ("red", "green", "blue"), "clips/red.mp4")


@pytest.fixture
def block(red_film: MedicalImage) -> Segmentation:
    """A mask on the red film: one class in the upper half of every frame."""
    labels = np.zeros((4, 16, 24), np.uint8)
    labels[:, :8] = 1
    label_set = LabelSet.from_names({1: "left ventricle", 3: "wall"})
    return Segmentation(labels, "TYX", label_set, red_film.geometry)


@pytest.fixture
def model_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with a small model for colour clips and one for grey clips."""
    from models import small_model

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    folder = tmp_path / "user" / "mambaseg" / "models"
    small_model(folder, "colour")
    small_model(folder, "grey", channels=("grey",), mean=(0.5,), std=(0.25,))
    return folder


@pytest.fixture
def own_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of presets, empty."""
    monkeypatch.setattr(
        "mambaseg.export.preset.user_config_path", lambda *name, appauthor: tmp_path / "own"
    )
    folder = tmp_path / "own" / "presets"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def notices(display: None) -> Iterator[list[str]]:
    """What napari has notified of."""
    manager = pytest.importorskip("napari.utils.notifications").notification_manager
    told: list[str] = []

    def note(event: Any) -> None:
        told.append(str(event.message))

    manager.notification_ready.connect(note)
    yield told
    manager.notification_ready.disconnect(note)


class Desk:
    """A viewer on the screen, used as a person would."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot = viewer, qtbot

    def menu(self, *texts: str) -> None:
        """Trigger an item of the menus, by the texts on the way to it."""
        menu = self.viewer.window._qt_window.menuBar()
        for text in texts[:-1]:
            menu = self._item(menu, text).menu()
            menu.aboutToShow.emit()
        self._item(menu, texts[-1]).trigger()

    @staticmethod
    def _item(menu: Any, text: str) -> Any:
        items = {action.text().replace("&", ""): action for action in menu.actions()}
        assert text in items, f"{text!r} is not among {sorted(items)}"
        return items[text]

    def panel(self, name: str) -> Any:
        """Give a docked panel of ours."""
        dock = self.viewer.window.dock_widgets[f"{name} (mambaseg)"]
        return getattr(dock, "inner_widget", lambda: dock)()

    def raise_tab(self, name: str) -> None:
        """Click on the tab of a docked panel of ours."""
        from qtpy.QtWidgets import QTabBar

        for bar in self.panel(name).window().findChildren(QTabBar):
            for index in range(bar.count()):
                if bar.tabText(index).startswith(name):
                    bar.setCurrentIndex(index)

    def click(self, widget: Any) -> None:
        from qtpy.QtCore import Qt

        assert widget.isEnabled(), f"{widget.text()} is greyed"
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def copied_diagnostics(self) -> str:
        """Click "Copy diagnostics" on the notification that came last; gives what it copies."""
        from qtpy.QtWidgets import QApplication, QPushButton

        buttons = self.viewer.window._qt_window.findChildren(QPushButton)
        self.click([one for one in buttons if one.text() == "Copy diagnostics"][-1])
        return str(QApplication.clipboard().text())

    def type(self, line: Any, text: str) -> None:
        """Replace what stands in a line, and press return."""
        from qtpy.QtCore import Qt

        line.selectAll()
        self.qtbot.keyClicks(line, text)
        self.qtbot.keyClick(line, Qt.Key.Key_Return)

    def menu_with_file(self, path: Any, *texts: str, file_type: str = "") -> None:
        """Trigger an item that asks for a file and waits for the answer; gives it a path."""
        from qtpy.QtCore import QThread, QTimer

        timer = QTimer(interval=20)

        def answer() -> None:
            # Not while the dialog appears, for it would then wait for another answer.
            if QThread.currentThread().loopLevel() > level:
                timer.stop()
                self.choose_file(path, file_type)

        level = QThread.currentThread().loopLevel()
        timer.timeout.connect(answer)
        timer.start()
        self.menu(*texts)

    def choose_file(self, path: Any, file_type: str = "") -> None:
        """Give a path to the file dialog that is open, and press its button."""
        from qtpy.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLineEdit

        def dialogs() -> list[Any]:
            widgets = QApplication.topLevelWidgets()
            return [one for one in widgets if isinstance(one, QFileDialog) and one.isVisible()]

        self.wait(lambda: len(dialogs()) == 1)
        (dialog,) = dialogs()
        for name in dialog.nameFilters():
            if file_type and file_type in name:
                dialog.selectNameFilter(name)
        dialog.findChild(QLineEdit).setText(str(path))
        box = dialog.findChild(QDialogButtonBox)
        accept = QDialogButtonBox.ButtonRole.AcceptRole
        (button,) = [one for one in box.buttons() if box.buttonRole(one) == accept]
        button.click()

    def activate(self, panel: Any) -> None:
        """Make the panel's window the active one, for keys that only work there.

        Again and again, for the viewer of another test on the same display may take that away.
        """

        def is_active() -> bool:
            self.viewer.window.activate()
            return bool(panel.isActiveWindow())

        self.wait(is_active)

    def wait(self, condition: Any, seconds: float = PATIENCE_S) -> None:
        self.qtbot.waitUntil(condition, timeout=round(1000 * seconds))

    def add_clip(self, n_frames: int, **options: Any) -> Any:
        """Add a colour clip of moving blobs to the viewer, as any plugin might."""
        from models import random_clip

        colours_last = np.moveaxis(random_clip(n_frames).array, 0, -1)
        return self.viewer.add_image(colours_last, **{"rgb": True, "name": "blobs", **options})

    def segmented(self, n_frames: int = 6) -> Any:
        """Add a clip and segment it; gives the mask's layer."""
        self.add_clip(n_frames)
        panel = self.segment()
        self.click(panel.run_button)
        self.wait(lambda: panel.run_button.isEnabled())
        return self.viewer.layers[-1]

    def segment(self, model: str = "colour") -> Any:
        """Open the Segment panel from the menu and choose a model."""
        self.menu("Layers", "Segment", "Segment (mambaseg)")
        panel = self.panel("Segment")
        self.wait(lambda: panel.session.models is not None and panel.session.ready is not None)
        panel.model.setCurrentText(model)
        return panel


@pytest.fixture
def in_main_thread(display: None, monkeypatch: pytest.MonkeyPatch, qtlog: Any) -> Iterator[None]:
    """Fail where another thread has touched what Qt's thread owns."""
    from napari.utils.events import EventEmitter

    strays: list[str] = []
    emit = EventEmitter.__call__

    def checked(emitter: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            strays.append(f"{emitter.source!r} told in {threading.current_thread().name}")
        return emit(emitter, *args, **kwargs)

    monkeypatch.setattr(EventEmitter, "__call__", checked)
    yield
    assert strays == []
    assert [one.message for one in qtlog.records if "thread" in one.message.lower()] == []


@pytest.fixture
def desk(in_main_thread: None, model_folder: Path, make_napari_viewer: Any, qtbot: Any) -> Desk:
    """A viewer of 1280 x 720 on the screen."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1280, 720)
    return Desk(viewer, qtbot)


@pytest.fixture
def bare_desk(
    in_main_thread: None, model_folder: Path, tmp_path: Path, monkeypatch: Any, qtbot: Any
) -> Iterator[Desk]:
    """A viewer without a window, where what it keeps is asked about; it takes no second."""
    from napari.components import ViewerModel

    from mambaseg.plugin.sessions import session_of

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    viewer = ViewerModel()
    yield Desk(viewer, qtbot)
    session_of(viewer).close()


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Gives runs of the desk's models their frames as far as a test allows: at first all.

    A run of 60 frames that may read 30 is under way until it may read more.
    """
    from holding import Gate

    from mambaseg.service import parent_job

    gate = Gate(parent_job.read_plane)
    monkeypatch.setattr(parent_job, "read_plane", gate)
    yield gate
    gate.allow()


@pytest.fixture
def no_training_is_left(desk: Desk) -> Iterator[None]:
    """End what a test has left running."""
    from mambaseg.session import open_runs
    from mambaseg.session.run_folders import process_of
    from mambaseg.training import Run
    from mambaseg.training.events import Started, TrainingStarted

    yield
    for folder in open_runs():
        run, process = Run(folder), process_of(folder)
        events, _ = run.any_events()
        started = [event for event in events if isinstance(event, Started | TrainingStarted)]
        if process is not None and process.poll() is None:
            process.kill()  # it may not have said anything yet
        elif run.alive and started:
            os.kill(started[-1].pid, signal.SIGKILL)


@pytest.fixture
def learner(desk: Desk, model_folder: Path) -> Path:
    """A model that is quick to train, among the user's own."""
    from verified import nodule_model

    path = nodule_model(model_folder).path
    return path.rename(model_folder / "learner.safetensors")
