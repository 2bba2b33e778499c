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
)

from mambaseg.metrics import compare, summarize
from mambaseg.plugin.difference_layer import DifferenceLayer
from mambaseg.plugin.from_layers import image_of
from mambaseg.plugin.mask_image import clip_of
from mambaseg.plugin.measure_case import add_case, read_case
from mambaseg.plugin.measure_choice import MeasureChoice
from mambaseg.plugin.measure_folders import MeasureFolders
from mambaseg.plugin.measure_layers import MeasureLayers
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
        self._against: dict[str, Measurement] = {}
        self._comparison: Comparison | None = None
        self._make_fields()
        self._make_layout()
        self.save.setEnabled(False)
        self.layers.changed.connect(self._choice_changed)
        viewer.dims.events.current_step.connect(self._mark)
        self._offer_classes()

    def _make_fields(self) -> None:
        viewer = self._viewer
        self.source = QComboBox()
        self.source.addItems(["Layers", "Files or folders"])
        self.source.setToolTip("Where the masks are: on the screen, or in files")
        self.source.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.source.currentIndexChanged.connect(self._source_changed)
        self.layers = MeasureLayers(viewer)
        self.prediction, self.reference = self.layers.prediction, self.layers.reference
        self.leave_out = self.layers.leave_out
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
        self._sources = QStackedWidget()
        self._sources.addWidget(self.layers)
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
            self._offer_classes()

    def _offer_classes(self) -> None:
        if self.source.currentIndex() == 0:
            self.choice.offer(self.layers.label_set, volume=self.layers.volume)
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
            show_warning(str(error))
            self.note.setText(str(error))

    def _start_layers(self) -> None:
        masks = self.layers.masks()
        first, *others = (self.layers.comparison(mask, self.choice.options()) for mask in masks)
        self._measured, self._comparison, self.compared = masks[0], first, None
        names = [mask.name for mask in masks]

        def work(task: Task) -> list[Measurement]:
            return [measure(one, task.check) for one in (first, *others)]

        self._submit(
            work, partial(self._show, names=names, of=self.reference.layer.name, axes=first.axes)
        )

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

    def _show(self, measured: list[Measurement], names: list[str], of: str, axes: str) -> None:
        axis = "slice" if axes.startswith("Z") else "frame"
        found, *others = measured
        self._measurement_is(found)
        self._against = dict(zip(names[1:], others, strict=True))
        text = f"Mean over {found.n_frames} frames:" if found.framed else ""
        if found.framed and axis == "slice":
            text = f"The whole volume, of {found.n_frames} slices:"
        if others:
            text = f"1st: {names[0]}, in the table too; 2nd: {names[1]}; reference: {of}. {text}"
        else:
            text = f"{names[0]}, with {of} as reference. {text}"
        self.note.setText(text)
        differences = compare(found.rows, others[0].rows) if others else []
        both = dict(zip(names, measured, strict=True))
        self.results.show_measurement(both, axis, differences=differences)
        self.choice.offer(found.label_set, volume="Z" in axes)
        self._mark()
        self._show_difference()

    def _show_compared(self, compared: Compared) -> None:
        self.compared, self._against = compared, {}
        self.bar.hide()
        asked = set(compared.request.options.measures)  # the counts are taken unasked
        both = {
            name: Measurement.of([row for row in rows if row.measure in asked], compared.label_set)
            for name, rows in compared.rows.items()
        }
        found, *others = both.values()
        self._measurement_is(found)
        self.choice.offer(compared.label_set, volume=True)
        if others:
            first, second = both
            text = f"1st: {first}, 2nd: {second}; their difference with its 95 % interval:"
        else:
            text = f"Mean over {len(found.cases)} cases, with its 95 % interval:"
        self.note.setText(text)
        differences = compare(found.rows, others[0].rows) if others else []
        self.results.show_measurement(both, "frame", summarize(found.rows), differences)

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
            self._against,
        )
        self.session.files.submit(
            lambda task: saving.write(path),
            self.guarded(lambda written: show_info(f"Wrote {', '.join(map(str, written))}")),
            self.guarded(lambda error: self.note.setText(report(error))),
        )
