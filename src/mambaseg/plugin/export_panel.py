"""The panel that writes overlays as pictures and films."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari.viewer
from napari.layers import Image, Labels
from napari.utils.notifications import show_info, show_warning
from qtpy.compat import isalive
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QFileDialog, QSizePolicy

from mambaseg.export import overlay
from mambaseg.plugin.as_seen import AsSeen
from mambaseg.plugin.frame_range import FrameRange
from mambaseg.plugin.from_layers import image_of, segmentation_of
from mambaseg.plugin.layer_choice import LayerChoice
from mambaseg.plugin.look import Look
from mambaseg.plugin.notices import report
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.parts import Note, ProgressBar, button, form, row
from mambaseg.plugin.path_field import PathField
from mambaseg.plugin.picture import Picture
from mambaseg.session import ExportRequest, Task, export
from mambaseg.types import MedicalImage, Segmentation
from mambaseg.types.errors import Cancelled, MambasegError, UnsupportedImageError

__all__ = ["ExportPanel"]

_FORMATS = {"mp4 film": ".mp4", "GIF film": ".gif", "PNG pictures": ""}


class ExportPanel(Panel):
    """Chooses layers, frames, look and file, and shows a frame of the result.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._writing: Task | None = None
        self._drawing: Task | None = None
        self._drawn_of: Labels | None = None
        # Redrawn once fields, frame and mask have been still for a moment.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(150)
        self._soon.timeout.connect(self._draw)
        self._make_fields()
        self._make_layout()
        viewer.dims.events.current_step.connect(self._changed)
        self._mask_changed()
        self._layer_changed()
        self._format_changed()

    def _make_fields(self) -> None:
        self.image = LayerChoice(self._viewer, Image, "no image layer")
        self.labels = LayerChoice(self._viewer, Labels, "no mask: run Segment first")
        self.image.layer_changed.connect(self._layer_changed)
        self.labels.layer_changed.connect(self._mask_changed)
        self.what = QComboBox()
        self.what.addItems(["All frames", "Some frames", "Current frame"])
        self.what.setToolTip("Which frames of a clip, or slices of a volume, are written")
        self.what.currentIndexChanged.connect(self._what_changed)
        self.range = FrameRange()
        self.format = QComboBox()
        self.format.setToolTip("A film, or one picture per frame in a folder of their own")
        self.format.addItems(list(_FORMATS))
        self.format.currentIndexChanged.connect(self._format_changed)
        for combo in (self.what, self.format):
            combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.look = Look()
        self.look.changed.connect(self._changed)
        self.picture = Picture("The frame that the viewer shows, as it will be written")
        self.path = PathField("where to write", {"Choose…": ("Write to", self._ask_path)})
        self.export = button("Export", "Write it", self._start)
        self.cancel = button("Cancel", "Stop; nothing is left behind", self._cancel)
        self.cancel.setEnabled(False)
        self.bar = ProgressBar()
        self.note = Note()

    def _make_layout(self) -> None:
        self.body.addLayout(form([("Image", self.image), ("Mask", self.labels)]))
        self.body.addWidget(self.picture)
        self.body.addWidget(self.look)
        self._frames = form(
            [
                ("Frames", self.what),
                ("", self.range),
                ("Format", self.format),
                ("File", self.path),
            ]
        )
        self.body.addLayout(self._frames)
        self.body.addLayout(row(self.export, self.cancel))
        self.body.addWidget(self.bar)
        self.body.addWidget(self.note)
        self.as_seen = AsSeen(self._viewer, self.session.files, self.guarded)
        self.body.addLayout(form([("Screen", self.as_seen)]))

    # What the fields show

    def _layer_changed(self) -> None:
        layer = self.image.layer
        planes = 1
        if layer is not None:
            own = [m for m in self._viewer.layers if m.metadata.get("segmented") == _mark(layer)]
            if own and self.labels.layer not in own:
                self.labels.choose(own[-1])
            planes = layer.data.shape[0] if layer.data.ndim - int(layer.rgb) == 3 else 1
        self.range.set_length(planes)
        self._what_changed()

    def _what_changed(self) -> None:
        current = self.what.currentIndex() == 2
        self._frames.setRowVisible(self.range, self.what.currentIndex() == 1)
        if current:
            self.format.setCurrentText("PNG pictures")
        self.format.setEnabled(not current)
        self._format_changed()

    def _format_changed(self) -> None:
        if self.path.path is not None:
            self.path.set_path(self._named(self.path.path))
        self._changed()

    def _named(self, path: Path) -> Path:
        """Give a path the suffix of the format."""
        return path.with_suffix(self._suffix)

    @property
    def _suffix(self) -> str:
        return ".png" if self.what.currentIndex() == 2 else _FORMATS[self.format.currentText()]

    def _ask_path(self, dialog: QFileDialog) -> None:
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(self._suffix)
        layer = self.image.layer
        stem = Path(layer.name).stem if layer is not None else "overlay"
        dialog.selectFile(f"{stem}_overlay{self._suffix}")

    def _mask_changed(self) -> None:
        """Follow what is drawn on the mask."""
        if self._drawn_of is not None:
            self._drawn_of.events.set_data.disconnect(self._changed)
        self._drawn_of = self.labels.layer
        if self._drawn_of is not None:
            self._drawn_of.events.set_data.connect(self._changed)
        self._changed()

    def _changed(self, event: object = None) -> None:
        if isalive(self):
            self._soon.start()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw what has changed while the panel was hidden."""
        super().showEvent(event)
        self._changed()

    def _draw(self) -> None:
        """Compose the shown frame in the background."""
        if not self.isVisible():
            return
        if self._drawing is not None:
            self._drawing.cancel()
        try:
            image, segmentation = self._pair()
        except MambasegError as error:
            self.picture.show_picture(None)
            self.note.setText(str(error))
            self.export.setEnabled(False)
            return
        if not self.export.isEnabled() and self._writing is None:
            self.note.setText("")
            self.export.setEnabled(True)
        frame, style = self._shown(image), self.look.overlay_style
        self._drawing = self.session.files.submit(
            lambda task: overlay(image, segmentation, style, frame=frame),
            self.guarded(self.picture.show_picture),
            self.guarded(lambda error: self.note.setText(str(error))),
        )

    def _pair(self) -> tuple[MedicalImage, Segmentation]:
        if self.image.layer is None:
            raise UnsupportedImageError(
                "There is no image layer: open one with File > Open or the Load panel."
            )
        if self.labels.layer is None:
            raise UnsupportedImageError(
                "There is no mask to draw: make one with the Segment panel, or open one."
            )
        image = image_of(self.image.layer)
        axis = "Z" if image.kind == "volume" else "T"
        segmentation = segmentation_of(self.labels.layer, one_leading_axis=axis)
        if tuple(segmentation.labels.shape) != tuple(image.array.shape[1:]):
            raise UnsupportedImageError(
                f"The mask {self.labels.layer.name!r} has the shape {segmentation.labels.shape}, "
                f"the image {tuple(image.array.shape[1:])}: choose the mask of this image."
            )
        return image, segmentation

    def _shown(self, image: MedicalImage) -> int:
        """Give the number of the frame that the viewer shows."""
        if image.kind == "image":
            return 0
        layer = self.image.layer
        place = layer.world_to_data(self._viewer.dims.point[-layer.ndim :])[0]
        return min(max(round(float(place)), 0), image.array.shape[1] - 1)

    # What the buttons do

    def _start(self) -> None:
        try:
            request = self._request()
        except MambasegError as error:
            show_warning(str(error))
            self.note.setText(str(error))
            return
        self.end_with_window()
        self.export.setEnabled(False)
        self.cancel.setEnabled(True)
        self.bar.show_progress(0, 0)
        self.note.setText("Writing…")
        told, deliver = self.guarded(self._progress), self.session.deliver

        def work(task: Task) -> str:
            def progress(done: int, total: int) -> None:
                task.check()
                deliver(lambda: told(done, total))

            return export(request, progress)

        self._writing = self.session.exports.submit(
            work, self.guarded(self._written), self.guarded(self._failed)
        )

    def _request(self) -> ExportRequest:
        image, segmentation = self._pair()
        if self.path.path is None:
            raise UnsupportedImageError("Say where to write: type a path or press Choose.")
        path = self._named(self.path.path)
        self.path.set_path(path)
        which = self.what.currentIndex()
        frames = None
        if image.kind != "image" and which:
            shown = self._shown(image)
            frames = self.range.frames if which == 1 else range(shown, shown + 1)
        return ExportRequest(image, segmentation, self.look.overlay_style, path, frames)

    def _progress(self, done: int, total: int) -> None:
        if self._writing is not None:
            self.bar.show_progress(done, total)
            self.note.setText(f"Writing… {done} of {total} frames")

    def _ended(self, note: str) -> None:
        self._writing = None
        self.export.setEnabled(True)
        self.cancel.setEnabled(False)
        self.bar.hide()
        self.note.setText(note)

    def _written(self, note: str) -> None:
        self._ended(note)
        show_info(note)

    def _failed(self, error: Exception) -> None:
        self._ended("")
        if not isinstance(error, Cancelled):
            self.note.setText(report(error))

    def _cancel(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._ended("Cancelled; nothing was written.")


def _mark(layer: Image) -> str:
    return str(layer.unique_id)
