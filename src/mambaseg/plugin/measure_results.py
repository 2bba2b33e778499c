"""What was measured: the means, a curve, and a table whose lines lead to frames."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from mambaseg.metrics import MEASURES, Difference, Summary
from mambaseg.plugin.measure_table import MeasureTable
from mambaseg.plugin.parts import Note, form
from mambaseg.plugin.plot import Plot
from mambaseg.session import Curve, Line, Measurement, Worker, draw_curves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari

__all__ = ["MeasureResults"]

_PLOT_HEIGHT = 190
_N_WORST = 20
_FALLBACK = "#888888"
_CELL = '<td align="right" style="padding-left:10px">{}</td>'


class MeasureResults(QWidget):
    """Shows a Measurement.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose theme.
    worker : Worker
        Draws the curve.
    """

    frame_clicked = Signal(int)
    case_clicked = Signal(str)

    def __init__(self, viewer: napari.Viewer, worker: Worker) -> None:
        super().__init__()
        self._found: Measurement | None = None
        self._measured: dict[str, Measurement] = {}
        self._marker: float | None = None
        self._axis = "frame"
        self.means = Note()
        self.what, self.which = QComboBox(), QComboBox()
        for combo in (self.what, self.which):
            combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.what.setToolTip("The measure of the curve, and of what is worst")
        self.which.setToolTip("Which lines the table shows")
        self.what.currentIndexChanged.connect(self._draw)
        self.what.currentIndexChanged.connect(self._fill)
        self.which.currentIndexChanged.connect(self._fill)
        self.plot = Plot(viewer, worker, _PLOT_HEIGHT)
        self.plot.setToolTip("Click to show a frame")
        self.plot.clicked.connect(lambda place: self.frame_clicked.emit(round(place)))
        self.table = MeasureTable()
        self.table.frame_clicked.connect(self.frame_clicked.emit)
        self.table.case_clicked.connect(self.case_clicked.emit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.means)
        self._curve = form([("Curve", self.what)])
        self._table = form([("Table", self.which)])
        layout.addLayout(self._curve)
        layout.addWidget(self.plot)
        layout.addLayout(self._table)
        layout.addWidget(self.table)
        self._curve.setRowVisible(self.what, False)
        self._table.setRowVisible(self.which, False)

    def show_measurement(
        self,
        measured: Mapping[str, Measurement],
        axis: str = "frame",
        summaries: Sequence[Summary] = (),
        differences: Sequence[Difference] = (),
    ) -> None:
        """Show what was measured.

        Parameters
        ----------
        measured : mapping of str to Measurement
            Of one mask or model, or of two, by name. The table shows the first.
        axis : {"frame", "slice"}
            What its frames are.
        summaries, differences : sequence
            Of many cases, and of two models on them.
        """
        found = next(iter(measured.values()))
        self._found, self._axis, self._measured = found, axis, dict(measured)
        named = self.what.currentText()
        for combo, items in (
            (self.what, [m for m in found.measures if _framed(found, m)]),
            (self.which, _kinds(found, axis)),
        ):
            combo.blockSignals(True)
            combo.clear()
            combo.addItems(items)
            combo.setCurrentText(named)
            combo.setCurrentIndex(max(combo.currentIndex(), 0))
            combo.blockSignals(False)
        if differences:
            self.means.setText(_table_of_differences(differences))
        else:
            self.means.setText(_table_of_means(found, summaries))
        self._curve.setRowVisible(self.what, self.what.count() > 0)
        self._table.setRowVisible(self.which, self.which.count() > 1)
        label = self._curve.labelForField(self.what)
        if isinstance(label, QLabel):
            label.setText("Curve" if found.framed and len(found.cases) == 1 else "Rank by")
        self._fill()
        self._draw()

    def mark(self, frame: float | None) -> None:
        """Mark the frame that the viewer shows."""
        self._marker = frame
        self._draw()

    def _fill(self) -> None:
        found = self._found
        if found is None:
            return
        lines: Sequence[Line] = found.lines
        kind = self.which.currentText()
        if kind.startswith("Worst"):
            lines = found.worst(self.what.currentText(), _N_WORST)
        elif kind == "Cases":
            lines = found.whole
        self.table.show_lines(lines, found.measures, self._axis, sort=not kind.startswith("Worst"))

    @property
    def curves(self) -> list[Curve]:
        """The chosen measure of each class by frame; none for many cases."""
        found, name = self._found, self.what.currentText()
        if found is None or not found.framed or len(found.cases) > 1 or not name:
            return []
        return [
            curve
            for place, (mask, one) in enumerate(self._measured.items())
            for curve in _curves(one, name, mask if len(self._measured) > 1 else "", place > 0)
        ]

    def _draw(self) -> None:
        if not isalive(self) or self._found is None:
            return
        curves, name = self.curves, self.what.currentText()
        if not curves:
            self.plot.hide()
            return
        unit = self._found.units.get(name, "")
        self.plot.show_plot(
            partial(
                draw_curves,
                curves=curves,
                y_label=f"{name} ({unit})" if unit else name,
                marker=self._marker,
                x_label=self._axis,
                ratio=MEASURES[name].better == "high",
            )
        )


def _curves(found: Measurement, name: str, mask: str, dashed: bool) -> list[Curve]:
    """Give the curve of each class that has the measure, named by class and mask."""
    colors = {label.name: label.color for label in found.label_set.classes}
    return [
        Curve(
            f"{one}, {mask}" if mask else one,
            colors.get(one, _FALLBACK),
            *found.curve(one, name),
            dashed=dashed,
        )
        for one in found.classes
        if any(name in line.values for line in found.lines if line.class_name == one)
    ]


def _framed(found: Measurement, name: str) -> bool:
    return any(name in line.values for line in found.lines)


def _kinds(found: Measurement, axis: str) -> list[str]:
    if len(found.cases) > 1:
        return ["Cases" if found.whole else "All cases", "Worst first"] + (
            [f"All {axis}s"] if found.framed else []
        )
    return [f"All {axis}s", "Worst first"] if found.framed else ["All"]


def _number(value: float, unit: str) -> str:
    if value != value:
        return "–"  # noqa: RUF001 - a dash
    ratio = unit == "" or unit == "ml" or unit.startswith("at ")
    return f"{value:.3f}" if ratio else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def _name(measure: str, unit: str) -> str:
    return escape(f"{measure} ({unit})" if unit else measure)


def _table_of_means(found: Measurement, summaries: Sequence[Summary]) -> str:
    means = {line.class_name: line.values for line in found.means()}
    spread = {
        (one.class_name, one.measure): (
            f'<br><span style="font-size:small">{_number(one.low, one.unit)} to '
            f"{_number(one.high, one.unit)}</span>"
        )
        for one in summaries
        if one.low == one.low
    }
    classes = list(means)
    several = len(found.classes) > 1 and not spread
    head = "".join(_CELL.format(escape(name)) for name in classes)
    lines = [f"<tr><td></td>{head}{_CELL.format('mean') if several else ''}</tr>"]
    for measure in found.measures:
        unit = found.units.get(measure, "")
        known = {name: values[measure] for name, values in means.items() if measure in values}
        known = {name: value for name, value in known.items() if value == value}
        cells = "".join(
            _CELL.format(
                f"<b>{_number(known[name], unit)}</b>{spread.get((name, measure), '')}"
                if name in known
                else ""
            )
            for name in classes
        )
        if several:
            mean = sum(known.values()) / len(known) if len(known) > 1 else None
            cells += _CELL.format(f"<b>{_number(mean, unit)}</b>" if mean is not None else "")
        lines.append(f"<tr><td>{_name(measure, unit)}</td>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _table_of_differences(differences: Sequence[Difference]) -> str:
    lines = []
    for class_name in dict.fromkeys(one.class_name for one in differences):
        head = "".join(_CELL.format(text) for text in ("1st", "2nd", "difference"))
        lines.append(f"<tr><td><b>{escape(class_name)}</b></td>{head}</tr>")
        for one in differences:
            if one.class_name != class_name:
                continue
            gap = f"{_number(one.difference, one.unit)}"
            if one.low == one.low:
                span = f"{_number(one.low, one.unit)} to {_number(one.high, one.unit)}"
                gap = f'{gap}<br><span style="font-size:small">{span}</span>'
            cells = (_number(one.first, one.unit), _number(one.second, one.unit), gap)
            text = "".join(_CELL.format(cell) for cell in cells)
            lines.append(f"<tr><td>{_name(one.measure, one.unit)}</td>{text}</tr>")
    return f"<table>{''.join(lines)}</table>"
