"""A table of measures that can be sorted by each column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableView

from mambaseg.session import Line

__all__ = ["MeasureTable"]

_NUMBER_WIDTH = 52
_SHORT = {"Precision": "Prec.", "Jaccard": "Jacc."}


class _Lines(QAbstractTableModel):
    """A line per class and frame; Qt asks for what is on the screen alone."""

    def __init__(self, lines: Sequence[Line], measures: Sequence[str]) -> None:
        super().__init__()
        self.lines, self.measures = list(lines), list(measures)

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
            return f"{value:.3f}" if isinstance(value, float) else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and column != 1:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return line.class_name if column == 1 else f"Click to show frame {line.frame}"
        return None

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Name the columns."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        name = ["Frame", "Class", *self.measures][section]
        if role == Qt.ItemDataRole.DisplayRole:
            return _SHORT.get(name, name)
        return f"Sort by {name.lower()}" if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; lines that are equal there keep their order."""
        if column < 0:
            return
        self.layoutAboutToBeChanged.emit()
        down = order == Qt.SortOrder.DescendingOrder
        self.lines.sort(key=lambda line: self._value(line, column), reverse=down)
        self.layoutChanged.emit()

    def _value(self, line: Line, column: int) -> Any:
        if column == 0:
            return -1 if line.frame is None else line.frame
        return line.class_name if column == 1 else line.values[self.measures[column - 2]]


class MeasureTable(QTableView):
    """Shows lines; a click on one tells its frame."""

    frame_clicked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setMinimumHeight(180)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        if rows is not None and columns is not None:
            rows.hide()
            rows.setDefaultSectionSize(22)
            columns.setMinimumSectionSize(30)
            columns.setDefaultSectionSize(_NUMBER_WIDTH)
        self.clicked.connect(self._clicked)
        self.hide()

    def show_lines(self, lines: Sequence[Line], measures: Sequence[str]) -> None:
        """Show other lines, sorted by frame."""
        model = _Lines(lines, measures)
        model.setParent(self)
        old = self.model()
        self.setModel(model)
        if old is not None:
            old.deleteLater()
        columns = self.horizontalHeader()
        if columns is not None:
            columns.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
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
        if isinstance(model, _Lines):
            frame = model.lines[index.row()].frame
            if frame is not None:
                self.frame_clicked.emit(frame)
