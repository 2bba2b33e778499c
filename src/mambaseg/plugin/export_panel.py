"""The panel that writes overlays as pictures and films."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import napari.viewer
import numpy as np
from napari.layers import Image, Labels
from napari.utils.notifications import show_info
from numpy.typing import NDArray
from qtpy.compat import isalive
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog

from mambaseg.export import ExportPreset, overlay
from mambaseg.inference.record import DoubtRecord
from mambaseg.plugin.as_seen import AsSeen
from mambaseg.plugin.export_choice import ExportChoice
from mambaseg.plugin.export_layers import other_mask_on, pair_of, shown_frame
from mambaseg.plugin.fold import Fold
from mambaseg.plugin.layer_choice import LayerChoice
from mambaseg.plugin.look import Look
from mambaseg.plugin.notices import report
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.parts import Note, ProgressBar, button, form, row
from mambaseg.plugin.path_field import PathField
from mambaseg.plugin.picture import Picture
from mambaseg.plugin.preset_row import PresetRow
from mambaseg.session import ExportRequest, Task, export
from mambaseg.session.taken_mask import TakenMask
from mambaseg.types import MedicalImage, Segmentation
from mambaseg.types.errors import Cancelled, MambasegError, MismatchError, UnsupportedImageError

__all__ = ["ExportPanel"]

_NO_BEFORE = (
    "Before and after need two masks, and there is one: open the earlier one too, or run Segment "
    "again and add its mask."
)
_NO_REFERENCE = (
    "The worst frames are told by a reference, and there is one mask only: open the reference "
    "too, or choose the doubt of the run."
)


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
        self._look_changed()

    def _make_fields(self) -> None:
        self.image = LayerChoice(self._viewer, Image, "no image layer")
        self.labels = LayerChoice(self._viewer, Labels, "no mask: run Segment first")
        self.image.layer_changed.connect(self._layer_changed)
        self.labels.layer_changed.connect(self._mask_changed)
        self.choice = ExportChoice(self._viewer, self.labels)
        self.choice.changed.connect(self._format_changed)
        self.what, self.range = self.choice.what, self.choice.range
        self.format = self.choice.format
        self.look = Look(self._viewer, self.labels)
        self.look.changed.connect(self._look_changed)
        self.presets = PresetRow(self._preset)
        self.presets.chosen.connect(self._show_preset)
        self.picture = Picture("The frame that the viewer shows, as it will be written")
        self.path = PathField("where to write", {"Choose…": ("Write to", self._ask_path)})
        self.export = button(
            "Export", "Write the masks as they are now; you may go on drawing", self._start
        )
        self.cancel = button("Cancel", "Stop; nothing is left behind", self._cancel)
        self.cancel.setEnabled(False)
        self.bar = ProgressBar()
        self.note = Note()

    def _make_layout(self) -> None:
        self.body.addLayout(
            form([("Preset", self.presets), ("Image", self.image), ("Mask", self.labels)])
        )
        self.body.addWidget(self.picture)
        self.look_fold = Fold("Look", self.look, "How the mask is drawn, and what is written on it")
        self.body.addWidget(self.look_fold)
        self.body.addWidget(self.choice)
        self.body.addLayout(form([("File", self.path)]))
        self.body.addLayout(row(self.export, self.cancel))
        self.body.addWidget(self.bar)
        self.body.addWidget(self.note)
        self.as_seen = AsSeen(self._viewer, self.session.files, self.guarded)
        self.body.addWidget(
            Fold("The screen as seen", self.as_seen, "A picture of the canvas or of the window")
        )

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
        self._format_changed()

    def _format_changed(self) -> None:
        if self.path.path is not None:
            self.path.set_path(self._named(self.path.path))
        self._changed()

    def _look_changed(self) -> None:
        self.look_fold.set_summary(self.look.summary)
        self._changed()

    def _preset(self) -> ExportPreset:
        return self.choice.preset(self.look.overlay_style)

    def _show_preset(self, preset: ExportPreset) -> None:
        self.look.show_style(preset.style)
        self.choice.show_preset(preset)

    def _named(self, path: Path) -> Path:
        """Give a path the suffix of the format."""
        return path.with_suffix(self._suffix)

    @property
    def _suffix(self) -> str:
        layer = self.image.layer
        still = layer is not None and layer.data.ndim - int(layer.rgb) == 2
        return self._preset().suffix(single=self.choice.current or still)

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
            image, mask = self._pair()
            before = self._before(image)
        except MambasegError as error:
            self.picture.show_picture(None)
            if self._writing is None:
                if isinstance(error, MismatchError) and self.note.text() != str(error):
                    report(error)
                self.note.setText(str(error))
                self.export.setEnabled(False)
            return
        if not self.export.isEnabled() and self._writing is None:
            self.note.setText("")
            self.export.setEnabled(True)
        frame = shown_frame(self._viewer, self.image.layer, image)
        style = self.look.overlay_style

        def draw(task: Task) -> NDArray[np.uint8]:
            earlier = before.shared(task.check) if before is not None else None
            return overlay(image, mask.shared(task.check), style, frame=frame, before=earlier)

        self._drawing = self.session.files.submit(
            draw,
            self.guarded(self.picture.show_picture),
            self.guarded(lambda error: self.note.setText(str(error))),
        )

    def _pair(self) -> tuple[MedicalImage, TakenMask]:
        return pair_of(self.image.layer, self.labels.layer)

    def _before(self, image: MedicalImage) -> TakenMask | None:
        """Give the earlier mask, where one is drawn."""
        if self.look.overlay_style.layout != "before_after":
            return None
        return other_mask_on(image, self.image.layer, self.look.before, _NO_BEFORE)

    # What the buttons do

    def _start(self) -> None:
        try:
            request = self._request()
        except MambasegError as error:
            self.note.setText(report(error))
            return
        self.export.setEnabled(False)
        self.cancel.setEnabled(True)
        self.bar.show_progress(0, 0)
        self.note.setText("Writing…")
        told, deliver = self.guarded(self._progress), self.session.deliver

        def work(task: Task) -> str:
            def progress(done: int, total: int) -> None:
                task.check()
                deliver(lambda: told(done, total))

            return export(request(task), progress)

        self._writing = self.session.exports.submit(
            work, self.guarded(self._written), self.guarded(self._failed)
        )

    def _request(self) -> Callable[[Task], ExportRequest]:
        """Give what reads the masks, in the thread that writes, and says what to write."""
        image, mask = self._pair()
        if self.path.path is None:
            raise UnsupportedImageError("Say where to write: type a path or press Choose.")
        path = self._named(self.path.path)
        self.path.set_path(path)
        frames, doubt, reference = self.choice.some, self.labels.layer.metadata.get("doubt"), None
        if self.choice.current:
            shown = shown_frame(self._viewer, self.image.layer, image)
            frames = range(shown, shown + 1)
        if self.choice.by_reference:
            reference = other_mask_on(image, self.image.layer, self.choice.reference, _NO_REFERENCE)
        among = frames if image.kind != "image" else None
        before = self._before(image)
        request = partial(
            ExportRequest,
            image=image,
            preset=self._preset(),
            path=path,
            frames=among,
            doubt=DoubtRecord.of(doubt) if doubt is not None else None,
            origin=self.image.layer.metadata.get("file", ""),
            patient=self.choice.patient.isChecked(),
        )

        def hold(task: Task) -> ExportRequest:
            # What is drawn while it is written belongs to no frame of it.
            def held(taken: TakenMask) -> Segmentation:
                return taken.held(among, task.check)

            return request(
                segmentation=held(mask),
                before=held(before) if before is not None else None,
                reference=held(reference) if reference is not None else None,
            )

        return hold

    def _progress(self, done: int, total: int) -> None:
        if self.cancel.isEnabled():
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
        cancelled = isinstance(error, Cancelled)
        self._ended("Cancelled; nothing was written." if cancelled else report(error))

    def _cancel(self) -> None:
        """Ask for an end; whether it came in time, the end itself says."""
        if self._writing is not None:
            self._writing.stop()
            self.cancel.setEnabled(False)
            self.note.setText("Stopping…")


def _mark(layer: Image) -> str:
    return str(layer.unique_id)
