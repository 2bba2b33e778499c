"""The table of the series, files and data sets that a path holds."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from mambaseg.data.parts import Part
from mambaseg.plugin.picture import pixmap_of
from mambaseg.session import Glance

__all__ = ["PICTURE_SIZE", "PartTable"]

PICTURE_SIZE = 40
_TITLES = ("Name", "Type", "Slices", "Spacing (mm)")
_TYPE = 1
_MOST_ROWS = 5


class PartTable(QTableWidget):
    """Shows what can be opened; one row, or several, can be chosen.

    Signals
    -------
    chosen(list of Part)
        What is selected, in the order of the table; not told when nothing is.
    """

    chosen = Signal(list)

    def __init__(self) -> None:
        super().__init__(0, len(_TITLES))
        self.setHorizontalHeaderLabels(_TITLES)
        self.setToolTip(
            "What lies there. Choose one; or several on one grid, with Ctrl or Shift, to open them "
            "as the channels of one image."
        )
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setIconSize(QSize(PICTURE_SIZE, PICTURE_SIZE))
        self.setShowGrid(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header, rows = self.horizontalHeader(), self.verticalHeader()
        if header is not None and rows is not None:  # Qt always has them
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            header.setHighlightSections(False)
            rows.hide()
            rows.setDefaultSectionSize(PICTURE_SIZE + 6)
        self._parts: list[Part] = []
        self.itemSelectionChanged.connect(self._tell)

    @property
    def parts(self) -> list[Part]:
        """What is selected, in the order of the table."""
        model = self.selectionModel()
        rows = sorted(index.row() for index in model.selectedRows()) if model is not None else []
        return [self._parts[row] for row in rows]

    def set_parts(self, parts: Sequence[Part]) -> None:
        """Fill the table, and select the first row."""
        self.blockSignals(True)
        self._parts = list(parts)
        self.setRowCount(len(self._parts))
        for row, part in enumerate(self._parts):
            for column in range(len(_TITLES)):
                self.setItem(row, column, _item(part.name if column == 0 else "", column))
        self.setColumnHidden(_TYPE, True)  # until one is known
        self._fit()
        self.setVisible(len(self._parts) > 1)
        self.blockSignals(False)
        if self._parts:
            self.selectRow(0)
            self._tell()

    def set_glance(self, row: int, glance: Glance) -> None:
        """Show what a look at a part found."""
        for column, text in enumerate((glance.modality, glance.slices, glance.spacing), 1):
            item = self.item(row, column)
            if item is not None:
                item.setText(text)
        if glance.modality:
            self.setColumnHidden(_TYPE, False)
        name = self.item(row, 0)
        if name is None:
            return
        if glance.problem:
            name.setToolTip(glance.problem)
            name.setForeground(self.palette().placeholderText())
        if glance.picture is not None:
            icon = QIcon(pixmap_of(glance.picture))
            # Else Qt tints it where its row is selected.
            icon.addPixmap(pixmap_of(glance.picture), QIcon.Mode.Selected)
            name.setIcon(icon)

    def _fit(self) -> None:
        header = self.horizontalHeader()
        height = header.sizeHint().height() if header is not None else 0
        rows = min(len(self._parts), _MOST_ROWS)
        self.setFixedHeight(height + rows * (PICTURE_SIZE + 6) + 4)

    def _tell(self) -> None:
        if self.parts:
            self.chosen.emit(self.parts)


def _item(text: str, column: int) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    if column:
        item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    else:
        item.setToolTip(text)
    return item
