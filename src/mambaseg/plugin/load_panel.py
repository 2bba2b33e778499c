"""The panel that opens clips, images and volumes."""

from __future__ import annotations

from pathlib import Path

import napari.viewer
from qtpy.QtWidgets import QCheckBox, QFileDialog, QFormLayout, QLabel

from mambaseg.data.parts import Part
from mambaseg.data.readers import in_memory
from mambaseg.plugin.frame_range import FrameRange
from mambaseg.plugin.layers import image_layer
from mambaseg.plugin.notices import report
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.part_table import PICTURE_SIZE, PartTable
from mambaseg.plugin.parts import Note, button
from mambaseg.plugin.path_field import PathField
from mambaseg.plugin.picture import Picture
from mambaseg.plugin.places import tilt_degrees
from mambaseg.session import Glance, Inspection, Task, find_images, glance, inspect_parts
from mambaseg.types import MedicalImage

__all__ = ["LoadPanel"]

_HINT = (
    "Choose a film, a volume, a DICOM file, or a folder of DICOM series or of numbered frames; or "
    "drop one on the line."
)
_MOST_GLANCES = 200
_LEAST_TILT = 0.05
"""Of degrees; less moves no voxel by a slice."""


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
        self._glancing: Task | None = None
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
        self.parts = PartTable()
        self.parts.chosen.connect(self._choose)
        self.picture = Picture("The frame or slice in the middle")
        self.facts = QFormLayout()
        self.facts.setHorizontalSpacing(14)
        self.facts.setVerticalSpacing(4)
        self.range_name = QLabel("Frames to open")
        self.range = FrameRange()
        self.straighten = QCheckBox("Leave out the tilt")
        self.straighten.setToolTip(
            "napari draws the slices of a tilted volume straight, but paints along the tilt: on "
            "other slices than it shows. Without the tilt it paints what it shows. Saved masks lie "
            "where the volume lies, either way."
        )
        self.straighten.setChecked(True)
        self.resample = QCheckBox("Resample what lies unevenly")
        self.resample.setToolTip(
            "Take series that lack slices, and channels on other grids, and interpolate them"
        )
        self.resample.toggled.connect(lambda: self._choose(self.parts.parts))
        self.open = button("Open", "Add it to the viewer as an image layer", self._open)
        self.note = Note(_HINT)
        self.body.addWidget(self.field)
        self.body.addWidget(self.parts)
        self.body.addWidget(self.picture)
        self.body.addLayout(self.facts)
        self.body.addWidget(self.range_name)
        self.body.addWidget(self.range)
        self.body.addWidget(self.straighten)
        self.body.addWidget(self.resample)
        self.body.addWidget(self.note)
        self.body.addWidget(self.open)
        self._show(None)
        self.parts.hide()
        self.resample.hide()

    def _look(self, path: Path | None) -> None:
        """See what lies at a path, in the background."""
        self.parts.set_parts(())
        self.resample.hide()
        self._stop_glancing()
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

    def _list(self, parts: list[Part]) -> None:
        self.parts.set_parts(parts)
        if len(parts) > 1:
            self._glance(parts, 0)

    def _glance(self, parts: list[Part], row: int) -> None:
        """Look at one part after another, for the table."""
        if row >= min(len(parts), _MOST_GLANCES):
            return

        def found(result: Glance) -> None:
            self.parts.set_glance(row, result)
            self._glance(parts, row + 1)

        self._glancing = self._worker.submit(
            lambda task: glance(parts[row], PICTURE_SIZE),
            self.guarded(found),
            self.guarded(lambda error: found(Glance(problem=str(error)))),
        )

    def _stop_glancing(self) -> None:
        if self._glancing is not None:
            self._glancing.cancel()
            self._glancing = None

    def _choose(self, parts: list[Part]) -> None:
        if not parts:
            return
        self._abandon("Reading…")
        resample = self.resample.isChecked()
        stacked = len(parts) > 1 or parts[0].kind in ("series", "channels")
        self.resample.setVisible(stacked)
        self._task = self._worker.submit(
            lambda task: inspect_parts(parts, resample=resample and stacked),
            self.guarded(self._show),
            self.guarded(self._failed),
        )

    def _failed(self, error: Exception) -> None:
        self.open.setEnabled(self._found is not None)
        self.note.setText(report(error))

    def _show(self, found: Inspection | None) -> None:
        self._found = found
        self.picture.show_picture(None if found is None else found.preview)
        while self.facts.rowCount():
            self.facts.removeRow(0)
        for name, value in found.rows if found else ():
            self.facts.addRow(name, _wrapped(value))
        n_frames = found.image.n_frames if found else 1
        for part in (self.range_name, self.range):
            part.setVisible(n_frames > 1)
        self.range.set_length(n_frames)
        tilt = tilt_degrees(found.image.geometry) if found else 0.0
        self.straighten.setVisible(tilt > _LEAST_TILT)
        self.straighten.setText(f"Leave out the tilt of {tilt:.1f}°")
        n_channels = len(self.parts.parts)
        self.open.setText(f"Open {n_channels} as channels" if n_channels > 1 else "Open")
        self.open.setEnabled(found is not None)
        self.note.setText(" ".join(found.image.notes) if found else self.note.text())

    def _open(self) -> None:
        if self._found is None:
            return
        image = self._found.image
        self.open.setEnabled(False)
        self.note.setText("Opening…")
        self._task = self._worker.submit(
            lambda task: in_memory(image), self.guarded(self._add), self.guarded(self._failed)
        )

    def _add(self, image: MedicalImage) -> None:
        frames = self.range.frames if image.n_frames > 1 else None
        # isVisibleTo, for the panel itself may be hidden behind another.
        straighten = self.straighten.isVisibleTo(self) and self.straighten.isChecked()
        data, options, _ = image_layer(image, frames, straighten=straighten)
        added = self._viewer.add_image(data, **options)
        self.open.setEnabled(True)
        count = len(added) if isinstance(added, list) else 1
        what = "a layer" if count == 1 else f"{count} layers"
        self.note.setText(" ".join((f"Opened {Path(image.source).name} as {what}.", *image.notes)))


def _wrapped(text: str) -> QLabel:
    """Make a text that takes the width it gets."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setMinimumWidth(1)
    return label


def _ask_file(dialog: QFileDialog) -> None:
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)


def _ask_folder(dialog: QFileDialog) -> None:
    dialog.setFileMode(QFileDialog.FileMode.Directory)
