"""The classes of a mask: which one is drawn with, how large each is, and which are locked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from mambaseg.plugin.parts import CHECK_BOXES

if TYPE_CHECKING:
    from mambaseg.plugin.correction import Correction
    from mambaseg.types import LabelClass

__all__ = ["ClassList"]

_COLUMNS = ("Key", "Class", "Area", "Lock")
_TIPS = (
    "Chooses the class to draw with (on the mask; Cmd for Ctrl on macOS)",
    "Click to draw with this class, and to clean it up",
    "In the frame that is shown; in mm² where the pixel spacing is known, else in pixels",
    "A locked class neither loses nor gains a pixel: not by painting, carrying, interpolating, "
    "copying, setting back or cleaning up. A stroke over it is mended when it ends",
)
_NAME, _AREA, _LOCK = 1, 2, 3
_ROW_HEIGHT, _MOST_ROWS, _SWATCH, _MOST_KEYS = 22, 5, 12, 9


class ClassList(QTableWidget):
    """Shows the classes of one correction at a time; the chosen one is the layer's.

    Signals
    -------
    class_chosen
        Another one, or of another mask.
    """

    class_chosen = Signal()

    def __init__(self) -> None:
        super().__init__(0, len(_COLUMNS))
        self._correction: Correction | None = None
        self._classes: tuple[LabelClass, ...] = ()
        self.setAccessibleName("Classes of the mask")
        self.setStyleSheet(CHECK_BOXES)
        self.setHorizontalHeaderLabels(_COLUMNS)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)  # Tab goes on to what follows the list
        self.setShowGrid(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        columns: Any = self.horizontalHeader()
        rows: Any = self.verticalHeader()
        columns.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        columns.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        columns.setFixedHeight(_ROW_HEIGHT)
        columns.setHighlightSections(False)
        rows.hide()
        rows.setDefaultSectionSize(_ROW_HEIGHT)
        for column, tip in enumerate(_TIPS):
            header: Any = self.horizontalHeaderItem(column)
            header.setToolTip(tip)
        self.currentCellChanged.connect(self._choose)
        self.itemChanged.connect(self._lock)

    @property
    def chosen(self) -> LabelClass | None:
        """The class that the layer draws with; None where that is none of them."""
        layer = self._correction.layer if self._correction is not None else None
        value = layer.selected_label if layer is not None else None
        return next((one for one in self._classes if one.value == value), None)

    def show_correction(self, correction: Correction | None) -> None:
        """List the classes of another mask, or none."""
        before = self._correction.layer if self._correction is not None else None
        if before is not None:
            before.events.selected_label.disconnect(self.show_chosen)
        self._correction = correction
        self._classes = correction.clip.label_set.classes if correction is not None else ()
        self.blockSignals(True)
        self.setRowCount(len(self._classes))
        for row, one in enumerate(self._classes):
            self._fill(row, one)
        self.blockSignals(False)
        self.setFixedHeight((min(len(self._classes), _MOST_ROWS) + 1) * _ROW_HEIGHT + 4)
        self.setVisible(correction is not None)
        layer = correction.layer if correction is not None else None
        if layer is not None:
            layer.events.selected_label.connect(self.show_chosen)
            self.show_chosen()

    def _fill(self, row: int, one: LabelClass) -> None:
        layer = self._correction.layer if self._correction is not None else None
        color = QColor(one.color)
        if layer is not None:
            color = QColor.fromRgbF(*map(float, layer.colormap.map(one.value)[:3]))
        swatch = QPixmap(_SWATCH, _SWATCH)
        swatch.fill(color)
        icon = QIcon(swatch)
        icon.addPixmap(swatch, QIcon.Mode.Selected)  # else Qt tints it
        locked = self._correction is not None and one.value in self._correction.writer.locked
        key = QTableWidgetItem(f"Ctrl+{row + 1}" if row < _MOST_KEYS else "")
        name, area, lock = QTableWidgetItem(one.name), QTableWidgetItem(""), QTableWidgetItem("")
        name.setData(Qt.ItemDataRole.DecorationRole, icon)
        area.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        lock.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
        lock.setCheckState(Qt.CheckState.Checked if locked else Qt.CheckState.Unchecked)
        lock.setData(Qt.ItemDataRole.AccessibleTextRole, f"lock {one.name}")
        for column, item in enumerate((key, name, area, lock)):
            item.setToolTip(_TIPS[column])
            self.setItem(row, column, item)

    def show_areas(self) -> None:
        """Measure the classes in the frame that is shown."""
        layer = self._correction.layer if self._correction is not None else None
        if self._correction is None or layer is None:
            return
        mask = np.asarray(layer.data[self._correction.edits.shown])
        spacing = self._correction.clip.image.geometry.spacing_mm
        self.blockSignals(True)
        for row, one in enumerate(self._classes):
            count = int(np.count_nonzero(mask == one.value))
            mm2 = count * spacing[-1] * spacing[-2] if spacing is not None else None
            item: Any = self.item(row, _AREA)
            item.setText(f"{count} pixels" if mm2 is None else f"{mm2:.4g} mm²")
        self.blockSignals(False)

    def show_chosen(self, event: object = None) -> None:
        """Show which class the layer draws with."""
        if not isalive(self):
            return
        chosen = self.chosen
        self.blockSignals(True)
        self.setCurrentCell(self._classes.index(chosen) if chosen is not None else -1, _NAME)
        self.blockSignals(False)
        self.class_chosen.emit()

    def _choose(self, row: int, *_: int) -> None:
        if self._correction is not None and row >= 0:
            self._correction.choose_class(row)

    def _lock(self, item: QTableWidgetItem) -> None:
        if self._correction is None or item.column() != _LOCK:
            return
        locked, value = self._correction.writer.locked, self._classes[item.row()].value
        if item.checkState() == Qt.CheckState.Checked:
            locked.add(value)
        else:
            locked.discard(value)
