"""The panel that measures a mask against a reference."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import napari.viewer
import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_info, show_warning
from qtpy.compat import isalive
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QSizePolicy

from mambaseg.metrics import write_csv
from mambaseg.plugin.correction import known_correction
from mambaseg.plugin.layer_choice import LayerChoice
from mambaseg.plugin.measure_table import MeasureTable
from mambaseg.plugin.notices import report
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.parts import Note, button, form, row
from mambaseg.plugin.path_field import ask_for
from mambaseg.plugin.plot import Plot
from mambaseg.session import Comparison, Curve, Measurement, Task, draw_curves, measure
from mambaseg.types import LabelSet

__all__ = ["MetricsPanel"]

_MEASURES = ("Dice", "Jaccard", "Precision", "Recall")
_PLOT_HEIGHT = 190
_NO_MASKS = (
    "Two masks of one clip are needed: the one to judge, from Segment, and a reference, which is "
    "opened with File > Open or the Load panel, or drawn."
)


class MetricsPanel(Panel):
    """Chooses two masks, and shows how well they agree, frame by frame.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.measurement: Measurement | None = None
        self._task: Task | None = None
        self._measured: Labels | None = None
        self.prediction = LayerChoice(viewer, Labels, "no mask: run Segment first")
        self.reference = LayerChoice(viewer, Labels, "no mask to compare with")
        self.prediction.setToolTip("The mask to judge")
        self.reference.setToolTip("The mask that counts as true")
        self.leave_out = QCheckBox("Leave out verified frames")
        self.leave_out.setToolTip(
            "A model that learned from verified frames is judged fairly on the others alone"
        )
        self.measure = button("Measure", "Compare the two masks", self._start)
        self.save = button("CSV…", "Save the table", self._ask_where)
        self.note = Note()
        self.means = Note()
        self.what = QComboBox()
        self.what.addItems(_MEASURES)
        self.what.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.what.currentIndexChanged.connect(self._draw)
        self.plot = Plot(viewer, self.session.files, _PLOT_HEIGHT)
        self.plot.setToolTip("Click to show a frame")
        self.plot.clicked.connect(lambda place: self._go_to(round(place)))
        self.table = MeasureTable()
        self.table.frame_clicked.connect(self._go_to)
        self.body.addLayout(
            form(
                [
                    ("Mask", self.prediction),
                    ("Reference", self.reference),
                    ("", self.leave_out),
                ]
            )
        )
        self.body.addLayout(row(self.measure, self.save))
        self.body.addWidget(self.note)
        self.body.addWidget(self.means)
        self._curve = form([("Curve", self.what)])
        self._curve.setRowVisible(self.what, False)
        self.body.addLayout(self._curve)
        self.body.addWidget(self.plot)
        self.body.addWidget(self.table)
        self.save.setEnabled(False)
        self.prediction.layer_changed.connect(self._choice_changed)
        self.reference.layer_changed.connect(self._choice_changed)
        viewer.dims.events.current_step.connect(self._draw)
        self._choose_another()

    def _choice_changed(self) -> None:
        if isalive(self):
            self._choose_another()

    def _choose_another(self) -> None:
        """Have the reference be another mask than the one to judge, where there are two."""
        if self.reference.layer is None or self.reference.layer is not self.prediction.layer:
            return
        others = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels) and layer is not self.prediction.layer
        ]
        same = [o for o in others if o.data.shape == self.prediction.layer.data.shape]
        if same or others:
            self.reference.choose((same or others)[0])

    # Measuring

    def _start(self) -> None:
        prediction, reference = self.prediction.layer, self.reference.layer
        if prediction is None or reference is None or prediction is reference:
            show_warning(_NO_MASKS)
            self.note.setText(_NO_MASKS)
            return
        comparison = Comparison(
            _data(prediction), _data(reference), _classes(reference, prediction), self._left_out()
        )
        if self._task is not None:
            self._task.cancel()
        self.measure.setEnabled(False)
        self.note.setText("Measuring…")
        self._measured = prediction
        self._task = self.session.exports.submit(
            lambda task: measure(comparison, task.check),
            self.guarded(self._show),
            self.guarded(self._failed),
        )

    def _left_out(self) -> frozenset[int]:
        if not self.leave_out.isChecked():
            return frozenset()
        frames: frozenset[int] = frozenset()
        for layer in (self.prediction.layer, self.reference.layer):
            correction = known_correction(layer)
            if correction is not None:
                frames |= correction.clip.protected
        return frames

    def _show(self, found: Measurement) -> None:
        self.measure.setEnabled(True)
        self.save.setEnabled(True)
        self.measurement = found
        still = found.lines[0].frame is None
        self.note.setText("" if still else f"Mean over {found.n_frames} frames:")
        self.means.setText(_table_of_means(found))
        self.table.show_lines(found.lines, found.measures)
        self._curve.setRowVisible(self.what, not still)
        self._draw()

    def _failed(self, error: Exception) -> None:
        self.measure.setEnabled(True)
        self.note.setText(report(error))

    # Showing

    def _draw(self, event: object = None) -> None:
        if not isalive(self) or self.measurement is None:
            return
        found, name = self.measurement, self.what.currentText()
        if found.lines[0].frame is None:
            self.plot.hide()
            return
        curves = [
            Curve(label.name, label.color, *found.curve(label.name, name))
            for label in found.label_set.classes
        ]
        shown = self._shown()
        self.plot.show_plot(partial(draw_curves, curves=curves, y_label=name, marker=shown))

    def _shown(self) -> float | None:
        layer = self._measured
        if layer is None or layer.ndim != 3:
            return None
        return round(float(layer.world_to_data(self._viewer.dims.point[-3:])[0]))

    def _go_to(self, frame: int) -> None:
        layer = self._measured
        if layer is not None and layer in self._viewer.layers:
            frame = min(max(frame, 0), layer.data.shape[0] - 1)
            place = layer.data_to_world((frame, 0, 0))[0]
            self._viewer.dims.set_point(self._viewer.dims.ndim - 3, place)

    # Saving

    def _ask_where(self) -> None:
        ask_for(self, "Save the table", _ask_csv, self._write)

    def _write(self, path: Path) -> None:
        found = self.measurement
        if found is None:
            return
        path = path if path.suffix else path.with_suffix(".csv")

        def done(_: None) -> None:
            show_info(f"Wrote {path}")

        self.session.files.submit(
            lambda task: write_csv(found.rows, path),
            self.guarded(done),
            self.guarded(lambda error: self.note.setText(report(error))),
        )


def _data(layer: Labels) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _classes(*layers: Labels) -> LabelSet | None:
    """Classes of the first mask that knows its own."""
    for layer in layers:
        known = layer.metadata.get("label_set")
        if isinstance(known, LabelSet):
            return known
    return None


def _table_of_means(found: Measurement) -> str:
    cell = '<td align="right" style="padding-left:10px">{}</td>'
    head = "".join(cell.format(name) for name in found.measures)
    lines = [f"<tr><td></td>{head}</tr>"]
    for mean in found.means():
        values = "".join(cell.format(f"<b>{mean.values[m]:.3f}</b>") for m in found.measures)
        lines.append(f"<tr><td>{mean.class_name}</td>{values}</tr>")
    if len(lines) > 2:
        overall = {m: np.mean([mean.values[m] for mean in found.means()]) for m in found.measures}
        values = "".join(cell.format(f"<b>{overall[m]:.3f}</b>") for m in found.measures)
        lines.append(f"<tr><td>mean</td>{values}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _ask_csv(dialog: QFileDialog) -> None:
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter("Tables (*.csv)")
    dialog.setDefaultSuffix("csv")
    dialog.selectFile("metrics.csv")
