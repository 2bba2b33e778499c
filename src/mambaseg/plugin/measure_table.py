"""A table of measures that can be sorted by each column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableView

from mambaseg.session import Line

__all__ = ["MeasureTable"]

_NUMBER_WIDTH = 50
_FRAME_WIDTH = 46
_CASE_WIDTH = 80
_CLASS_WIDTH = 70
_FEW = 4
"""As many measures leave room for the class in a panel's least width."""
_SHORT = {
    "Precision": "Prec.",
    "Jaccard": "Jacc.",
    "Specificity": "Spec.",
    "Accuracy": "Acc.",
    "Area error": "Area",
    "Relative area error": "Area %",
    "Volume error": "Vol.",
    "Relative volume error": "Vol. %",
    "Temporal consistency": "Temp.",
    "Instance Dice": "I. Dice",
    "Instance IoU": "I. IoU",
    "F1 at 0.5": "F1",
}


class _Lines(QAbstractTableModel):
    """A line per class and frame; Qt asks for what is on the screen alone."""

    def __init__(self, lines: Sequence[Line], measures: Sequence[str], axis: str) -> None:
        super().__init__()
        self.lines, self.measures = list(lines), list(measures)
        self.by_case = len({line.case for line in lines}) > 1
        framed = any(line.frame is not None for line in lines)
        self.place = f"Case, {axis}" if self.by_case and framed else "Case"
        if not self.by_case:
            self.place = axis.capitalize()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Give the number of lines."""
        return len(self.lines)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Give frame, class and measures."""
        return 2 + len(self.measures)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give the text of a cell."""
        line, column = self.lines[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            value = self._value(line, column)
            return _text(value) if isinstance(value, float) else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and column != 1:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return line.class_name if column == 1 else self._hint(line)
        return None

    def _hint(self, line: Line) -> str:
        if self.by_case:
            return f"{line.case}: double-click to open it"
        return f"Click to show {self.place.lower()} {line.frame}"

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Name the columns."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        name = [self.place, "Class", *self.measures][section]
        if role == Qt.ItemDataRole.DisplayRole:
            return _SHORT.get(name, name)
        return f"Sort by {name.lower()}" if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; lines that are equal there keep their order."""
        if column < 0:
            return
        self.layoutAboutToBeChanged.emit()
        down = order == Qt.SortOrder.DescendingOrder
        self.lines.sort(key=lambda line: _order(self._value(line, column)), reverse=down)
        self.layoutChanged.emit()

    def _value(self, line: Line, column: int) -> Any:
        if column == 0 and self.by_case:
            return line.case if line.frame is None else f"{line.case}, {line.frame}"
        if column == 0:
            return -1 if line.frame is None else line.frame
        if column == 1:
            return line.class_name
        return line.values.get(self.measures[column - 2], float("nan"))


def _text(value: float) -> str:
    if value != value:
        return ""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _order(value: Any) -> Any:
    """Give what to sort by: numbers in names by their size, and what has no value first."""
    if isinstance(value, str):
        return [(part.isdigit(), int(part) if part.isdigit() else part) for part in _parts(value)]
    return float("-inf") if value != value else value


def _parts(text: str) -> list[str]:
    return re.split(r"(\d+)", text)


class MeasureTable(QTableView):
    """Shows lines; a click on one tells its frame."""

    frame_clicked = Signal(int)
    case_clicked = Signal(str)
    """With two clicks."""

    def __init__(self) -> None:
        super().__init__()
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setMinimumHeight(180)
        self.setToolTip("A line for each frame or case; a click shows it, one on a title sorts")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        if rows is not None and columns is not None:
            rows.hide()
            rows.setDefaultSectionSize(22)
            columns.setMinimumSectionSize(30)
            columns.setDefaultSectionSize(_NUMBER_WIDTH)
        self.clicked.connect(self._clicked)
        self.doubleClicked.connect(self._double_clicked)
        self.hide()

    def show_lines(
        self,
        lines: Sequence[Line],
        measures: Sequence[str],
        axis: str = "frame",
        *,
        sort: bool = True,
    ) -> None:
        """Show other lines, sorted by frame or in the order given."""
        model = _Lines(lines, measures, axis)
        model.setParent(self)
        old = self.model()
        self.setModel(model)
        if old is not None:
            old.deleteLater()
        columns = self.horizontalHeader()
        if columns is not None:
            few = len(measures) <= _FEW - model.by_case
            columns.setSectionResizeMode(
                1, QHeaderView.ResizeMode.Stretch if few else QHeaderView.ResizeMode.Interactive
            )
            columns.resizeSection(1, _CLASS_WIDTH)
            columns.resizeSection(0, _CASE_WIDTH if model.by_case else _FRAME_WIDTH)
        self.sortByColumn(0 if sort else -1, Qt.SortOrder.AscendingOrder)
        self.show()

    def texts(self) -> list[list[str]]:
        """Give what stands in the cells, line by line."""
        model = self.model()
        if model is None:
            return []
        columns = range(model.columnCount())
        return [
            [str(model.data(model.index(row, column))) for column in columns]
            for row in range(model.rowCount())
        ]

    def _clicked(self, index: QModelIndex) -> None:
        model = self.model()
        if isinstance(model, _Lines) and not model.by_case:
            frame = model.lines[index.row()].frame
            if frame is not None:
                self.frame_clicked.emit(frame)

    def _double_clicked(self, index: QModelIndex) -> None:
        model = self.model()
        if isinstance(model, _Lines) and model.by_case:
            self.case_clicked.emit(model.lines[index.row()].case)
