"""napari's own screenshot, from a panel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.utils.notifications import show_info, show_warning
from numpy.typing import NDArray
from PIL import Image
from qtpy.QtWidgets import QCheckBox, QFileDialog, QVBoxLayout, QWidget

from mambaseg.files import write_whole
from mambaseg.plugin.notices import report
from mambaseg.plugin.parts import Note, button, row
from mambaseg.plugin.path_field import ask_for
from mambaseg.session import Worker

__all__ = ["AsSeen"]

_HIDDEN = (
    "napari's window is not shown, so a picture of the screen would be black. "
    "Show the window, or export frames instead."
)


class AsSeen(QWidget):
    """Saves what the viewer shows, with or without napari's window around it.

    Parameters
    ----------
    viewer : napari.Viewer
        What is pictured.
    worker : Worker
        Writes the file.
    guarded : callable
        Wraps callbacks, as of `Panel.guarded`.
    """

    def __init__(
        self, viewer: napari.Viewer, worker: Worker, guarded: Callable[..., Callable[..., None]]
    ) -> None:
        super().__init__()
        self._viewer, self._worker, self._guarded = viewer, worker, guarded
        self.window_too = QCheckBox("with window")
        self.window_too.setToolTip("Picture napari's whole window, not the canvas alone")
        self.save = button(
            "Save as seen…",
            "Save the canvas as it is on the screen, with its zoom and all visible layers, as PNG",
            self._start,
        )
        self.note = Note()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row(self.save, self.window_too))
        layout.addWidget(self.note)

    def _start(self) -> None:
        window = self.window()
        if window is None or not window.isVisible():
            show_warning(_HIDDEN)
            self.note.setText(_HIDDEN)
            return
        # Taken before the dialog opens, which would else be in the picture.
        shot = self._viewer.screenshot(canvas_only=not self.window_too.isChecked(), flash=False)
        ask_for(self, "Save picture", _ask_png, lambda path: self._save(shot, path))

    def _save(self, shot: NDArray[np.uint8], path: Path) -> None:
        path = path.with_suffix(".png")

        def work(task: Any) -> str:
            with write_whole(path) as temporary:
                Image.fromarray(shot).save(temporary, format="PNG")
            return f"Wrote {path}"

        self._worker.submit(
            work, self._guarded(self._done), self._guarded(lambda e: self.note.setText(report(e)))
        )

    def _done(self, text: str) -> None:
        self.note.setText(text)
        show_info(text)


def _ask_png(dialog: QFileDialog) -> None:
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter("PNG pictures (*.png)")
    dialog.setDefaultSuffix(".png")
    dialog.selectFile("napari.png")
