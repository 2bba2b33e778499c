"""The panel that measures masks against references."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import napari.viewer
from napari.layers import Labels
from napari.utils.notifications import show_info, show_warning
from qtpy.compat import isalive
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QSizePolicy,
    QStackedWidget,
    QWidget,
)

from mambaseg.metrics import compare, summarize
from mambaseg.plugin.correction import known_correction
from mambaseg.plugin.difference_layer import DifferenceLayer
from mambaseg.plugin.from_layers import image_of, mask_place_of
from mambaseg.plugin.layer_choice import LayerChoice
from mambaseg.plugin.mask_image import clip_of
from mambaseg.plugin.mask_layers import classes_of, data_of
from mambaseg.plugin.measure_case import add_case, read_case
from mambaseg.plugin.measure_choice import MeasureChoice
from mambaseg.plugin.measure_folders import MeasureFolders
from mambaseg.plugin.measure_results import MeasureResults
from mambaseg.plugin.measure_saving import Saving, ask_measures_file
from mambaseg.plugin.notices import report
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.parts import Note, ProgressBar, button, form, row
from mambaseg.plugin.path_field import ask_for
from mambaseg.session import Comparison, Measurement, Task, measure
from mambaseg.session.comparing import Compared, compare_files
from mambaseg.types.errors import MambasegError

__all__ = ["MetricsPanel"]

_NO_MASKS = (
    "Two masks of one clip are needed: the one to judge, from Segment, and a reference, which is "
    "opened with File > Open or the Load panel, or drawn."
)


_NAME_WIDTH = 78


class MetricsPanel(Panel):
    """Chooses masks and measures, and shows how well the masks agree.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.measurement: Measurement | None = None
        self.compared: Compared | None = None
        self._task: Task | None = None
        self._measured: Labels | None = None
        self._comparison: Comparison | None = None
        self._make_fields()
        self._make_layout()
        self.save.setEnabled(False)
        self.prediction.layer_changed.connect(self._choice_changed)
        self.reference.layer_changed.connect(self._choice_changed)
        viewer.dims.events.current_step.connect(self._mark)
        self._choose_another()
        self._offer_classes()

    def _make_fields(self) -> None:
        viewer = self._viewer
        self.source = QComboBox()
        self.source.addItems(["Two layers", "Files or folders"])
        self.source.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.source.currentIndexChanged.connect(self._source_changed)
        self.prediction = LayerChoice(viewer, Labels, "no mask: run Segment first")
        self.reference = LayerChoice(viewer, Labels, "no mask to compare with")
        self.prediction.setToolTip("The mask to judge")
        self.reference.setToolTip("The mask that counts as true")
        self.leave_out = QCheckBox("Leave out verified frames")
        self.leave_out.setToolTip(
            "A model that learned from verified frames is judged fairly on the others alone"
        )
        self.folders = MeasureFolders()
        self.choice = MeasureChoice()
        self.choice.classes.changed.connect(self._show_difference)
        self.measure = button("Measure", "Compare the masks", self._start)
        self.save = button("Save…", "Save a table (CSV, JSON, Parquet) or a report", self._ask)
        self.bar = ProgressBar()
        self.note = Note()
        self.difference = QCheckBox("Show the difference as a layer")
        self.difference.setToolTip(
            "Magenta: false positive; green: false negative; white: wrong class"
        )
        self.difference.toggled.connect(self._show_difference)
        self.difference_layer = DifferenceLayer(viewer)
        self.results = MeasureResults(viewer, self.session.files)
        self.results.frame_clicked.connect(self._go_to)
        self.results.case_clicked.connect(self._open_case)
        self.means, self.plot = self.results.means, self.results.plot
        self.table, self.what = self.results.table, self.results.what

    def _make_layout(self) -> None:
        layers = QWidget()
        fields = form(
            [("Mask", self.prediction), ("Reference", self.reference), ("", self.leave_out)]
        )
        layers.setLayout(fields)
        self._sources = QStackedWidget()
        self._sources.addWidget(layers)
        self._sources.addWidget(self.folders)
        self.body.addLayout(form([("Compare", self.source)]))
        self.body.addWidget(self._sources)
        self.body.addWidget(self.choice)
        self.body.addLayout(row(self.measure, self.save))
        self.body.addWidget(self.difference)
        self.body.addWidget(self.bar)
        self.body.addWidget(self.note)
        self.body.addWidget(self.results)
        self._source_changed()
        for fields in self.findChildren(QFormLayout):  # so that all fields are in line
            for place in range(fields.rowCount()):
                item = fields.itemAt(place, QFormLayout.ItemRole.LabelRole)
                name = item.widget() if item is not None else None
                if name is not None:
                    name.setMinimumWidth(_NAME_WIDTH)

    # What the fields show

    def _source_changed(self) -> None:
        index = self.source.currentIndex()
        self._sources.setCurrentIndex(index)
        for place in range(self._sources.count()):  # so that the lower one takes no room
            page: Any = self._sources.widget(place)
            policy = QSizePolicy.Policy.Preferred if place == index else QSizePolicy.Policy.Ignored
            page.setSizePolicy(QSizePolicy.Policy.Preferred, policy)
        self._sources.adjustSize()
        self.difference.setVisible(index == 0)
        self._offer_classes()

    def _choice_changed(self) -> None:
        if isalive(self):
            self._choose_another()
            self._offer_classes()

    def _choose_another(self) -> None:
        """Have the reference be another mask than the one to judge, where there are two."""
        if self.reference.layer is None or self.reference.layer is not self.prediction.layer:
            return
        others = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels)
            and layer is not self.prediction.layer
            and not layer.metadata.get("difference")
        ]
        same = [o for o in others if o.data.shape == self.prediction.layer.data.shape]
        if same or others:
            self.reference.choose((same or others)[0])

    def _offer_classes(self) -> None:
        layers = [one.layer for one in (self.reference, self.prediction) if one.layer is not None]
        if self.source.currentIndex() == 0:
            volume = any("Z" in _axes(layer) for layer in layers)
            self.choice.offer(classes_of(*layers), volume=volume)
        else:
            self.choice.offer(None, volume=True)

    # Measuring

    def _start(self) -> None:
        try:
            if self.source.currentIndex() == 0:
                self._start_layers()
            else:
                self._start_files()
        except MambasegError as error:
            self.note.setText(report(error))

    def _start_layers(self) -> None:
        prediction, reference = self.prediction.layer, self.reference.layer
        if prediction is None or reference is None or prediction is reference:
            show_warning(_NO_MASKS)
            self.note.setText(_NO_MASKS)
            return
        axes, geometry = mask_place_of(prediction)
        if geometry.spacing_mm is None and reference.ndim == prediction.ndim:
            geometry = mask_place_of(reference)[1]
        comparison = Comparison(
            data_of(prediction),
            data_of(reference),
            classes_of(reference, prediction),
            self._left_out(),
            axes,
            geometry,
            self.choice.options(),
        )
        self._measured, self._comparison, self.compared = prediction, comparison, None
        self._submit(lambda task: measure(comparison, task.check), partial(self._show, axes=axes))

    def _start_files(self) -> None:
        resample = self.folders.resample.isChecked()
        request = self.folders.request(self.choice.options(resample=resample))
        self._measured = self._comparison = None
        tell = self.guarded(lambda done, total: self.bar.show_progress(done, total))

        def work(task: Task) -> Compared:
            def progress(done: int, total: int, name: str) -> None:
                self.session.deliver(lambda: tell(done, total))

            return compare_files(request, progress, task.check)

        self._submit(work, self._show_compared)

    def _submit(self, work: Any, done: Any) -> None:
        if self._task is not None:
            self._task.cancel()
        self.measure.setEnabled(False)
        self.note.setText("Measuring…")
        self._task = self.session.exports.submit(
            work, self.guarded(done), self.guarded(self._failed)
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

    def _show(self, found: Measurement, axes: str) -> None:
        axis = "slice" if axes.startswith("Z") else "frame"
        self._measurement_is(found)
        text = f"Mean over {found.n_frames} frames:" if found.framed else ""
        if found.framed and axis == "slice":
            text = f"The whole volume, of {found.n_frames} slices:"
        self.note.setText(text)
        self.results.show_measurement(found, axis)
        self.choice.offer(found.label_set, volume="Z" in axes)
        self._mark()
        self._show_difference()

    def _show_compared(self, compared: Compared) -> None:
        self.compared = compared
        self.bar.hide()
        asked = set(compared.request.options.measures)  # the counts are taken unasked
        first, *others = (
            [row for row in rows if row.measure in asked] for rows in compared.rows.values()
        )
        found = Measurement.of(first, compared.label_set)
        self._measurement_is(found)
        self.choice.offer(compared.label_set, volume=True)
        names = list(compared.rows)
        if others:
            text = f"1st: {names[0]}, 2nd: {names[1]}; their difference with its 95 % interval:"
        else:
            text = f"Mean over {len(found.cases)} cases, with its 95 % interval:"
        self.note.setText(text)
        differences = compare(first, others[0]) if others else []
        self.results.show_measurement(found, "frame", summarize(first), differences)

    def _measurement_is(self, found: Measurement) -> None:
        self.measure.setEnabled(True)
        self.save.setEnabled(True)
        self.measurement = found

    def _failed(self, error: Exception) -> None:
        self.measure.setEnabled(True)
        self.bar.hide()
        self.note.setText(report(error))

    # Showing

    def _shown(self) -> float | None:
        layer = self._measured
        if layer is None or layer.ndim < 3:
            return None
        return round(float(layer.world_to_data(self._viewer.dims.point[-layer.ndim :])[0]))

    def _mark(self, event: object = None) -> None:
        if isalive(self) and self.measurement is not None:
            self.results.mark(self._shown())

    def _go_to(self, frame: int) -> None:
        layer = self._measured
        if layer is not None and layer in self._viewer.layers:
            frame = min(max(frame, 0), layer.data.shape[0] - 1)
            place = layer.data_to_world((frame, *(0 for _ in layer.data.shape[1:])))[0]
            self._viewer.dims.set_point(self._viewer.dims.ndim - layer.ndim, place)

    def _show_difference(self) -> None:
        layer, comparison, found = self._measured, self._comparison, self.measurement
        wanted = self.difference.isChecked() and layer in self._viewer.layers
        if not wanted or comparison is None or found is None or layer is None:
            self.difference_layer.hide()
            return
        known = found.label_set.names
        ticked = [v for v, name in known.items() if name in self.choice.classes.ticked]
        masks = comparison.prediction, comparison.reference
        self.difference_layer.show(layer, masks, found.label_set, ticked or list(known))

    def _open_case(self, name: str) -> None:
        if self.compared is not None:
            show = self.guarded(partial(add_case, self._viewer, name))
            reading = partial(read_case, self.compared, name)
            self.session.files.submit(lambda task: reading(), show, self.guarded(self._failed))

    # Saving

    def _ask(self) -> None:
        ask_for(self, "Save the measures", ask_measures_file, self._write)

    def _write(self, path: Path) -> None:
        layer, found = self._measured, self.measurement
        if found is None:
            return
        image = clip_of(self._viewer, layer) if layer is not None else None
        saving = Saving(
            found,
            self.compared,
            self._comparison,
            image_of(image) if image is not None else None,
            layer.name if layer is not None else "",
        )
        self.session.files.submit(
            lambda task: saving.write(path),
            self.guarded(lambda written: show_info(f"Wrote {', '.join(map(str, written))}")),
            self.guarded(lambda error: self.note.setText(report(error))),
        )


def _axes(layer: Labels) -> str:
    try:
        return mask_place_of(layer)[0]
    except MambasegError:  # it is told when it is measured
        return ""
