"""The panel that opens clips, images and volumes."""

from __future__ import annotations

from pathlib import Path

import napari.viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QFormLayout, QLabel, QListWidget, QListWidgetItem

from mambaseg.plugin.frame_range import FrameRange
from mambaseg.plugin.layers import image_layer
from mambaseg.plugin.notices import report
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.parts import Note, button
from mambaseg.plugin.path_field import PathField
from mambaseg.plugin.picture import Picture
from mambaseg.session import Inspection, Task, find_images, inspect

__all__ = ["LoadPanel"]

_HINT = (
    "Choose a film, a DICOM clip, a volume or a folder of numbered frames, or drop one on the line."
)


class LoadPanel(Panel):
    """Shows what a file holds before it is opened.

    Parameters
    ----------
    viewer : napari.Viewer
        Where layers go.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._worker = self.session.files
        self._task: Task | None = None
        self._found: Inspection | None = None
        self.field = PathField(
            "Film, DICOM, volume or folder",
            {
                "File…": ("Choose a file", _ask_file),
                "Folder…": ("Choose a folder of frames or files", _ask_folder),
            },
        )
        self.field.setToolTip(_HINT)
        self.field.changed.connect(self._look)
        self.files = QListWidget()
        self.files.setToolTip("What the folder holds; choose which one to open")
        self.files.setMaximumHeight(90)
        self.files.currentItemChanged.connect(self._choose)
        self.picture = Picture("The frame or slice in the middle")
        self.facts = QFormLayout()
        self.facts.setHorizontalSpacing(14)
        self.facts.setVerticalSpacing(4)
        self.range_name = QLabel("Frames to open")
        self.range = FrameRange()
        self.open = button("Open", "Add it to the viewer as an image layer", self._open)
        self.note = Note(_HINT)
        self.body.addWidget(self.field)
        self.body.addWidget(self.files)
        self.body.addWidget(self.picture)
        self.body.addLayout(self.facts)
        self.body.addWidget(self.range_name)
        self.body.addWidget(self.range)
        self.body.addWidget(self.note)
        self.body.addWidget(self.open)
        self._show(None)
        self.files.hide()

    def _look(self, path: Path | None) -> None:
        """See what lies at a path, in the background."""
        self.files.hide()
        self.files.clear()
        if path is None:
            self._abandon(_HINT)
            return
        self._abandon("Looking…")
        self._task = self._worker.submit(
            lambda task: find_images(path), self.guarded(self._list), self.guarded(self._failed)
        )

    def _abandon(self, note: str) -> None:
        if self._task is not None:
            self._task.cancel()
        self._show(None)
        self.note.setText(note)

    def _list(self, paths: list[Path]) -> None:
        for path in paths:
            name = path.name if path.is_file() else f"{path.name}/ (numbered frames)"
            item = QListWidgetItem(name)
            item.setData(Qt.ItemDataRole.UserRole, str(path))
            self.files.addItem(item)
        self.files.setVisible(len(paths) > 1)
        self.files.setCurrentRow(0)

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        path = Path(item.data(Qt.ItemDataRole.UserRole))
        self._abandon("Reading…")
        self._task = self._worker.submit(
            lambda task: inspect(path), self.guarded(self._show), self.guarded(self._failed)
        )

    def _failed(self, error: Exception) -> None:
        self.note.setText(report(error))

    def _show(self, found: Inspection | None) -> None:
        self._found = found
        self.picture.show_picture(None if found is None else found.preview)
        while self.facts.rowCount():
            self.facts.removeRow(0)
        for name, value in found.rows if found else ():
            self.facts.addRow(name, QLabel(value))
        n_frames = found.image.n_frames if found else 1
        for part in (self.range_name, self.range):
            part.setVisible(n_frames > 1)
        self.range.set_length(n_frames)
        self.open.setEnabled(found is not None)
        self.note.setText(" ".join(found.image.notes) if found else self.note.text())

    def _open(self) -> None:
        if self._found is None:
            return
        image = self._found.image
        frames = self.range.frames if image.n_frames > 1 else None
        data, options, _ = image_layer(image, frames)
        self._viewer.add_image(data, **options)
        self.note.setText(f"Opened {Path(image.source).name} as a layer.")


def _ask_file(dialog: QFileDialog) -> None:
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)


def _ask_folder(dialog: QFileDialog) -> None:
    dialog.setFileMode(QFileDialog.FileMode.Directory)
