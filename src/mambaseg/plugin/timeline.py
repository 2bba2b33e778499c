"""What changed in a mask, newest first; a click leads to the frame."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QFont
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeView

from mambaseg.session import Moment

__all__ = ["Timeline"]

_COLUMNS = ("When", "What", "Frame", "By")
_HEIGHT = 150
_PALE = "#8a8f98"  # to be read in the dark theme and in the light one


class Timeline(QTreeView):
    """The moments of a mask's journal.

    Moments that were undone are struck out; the one that the mask is at, bold.
    """

    frame_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._moments = _Moments()
        self.setModel(self._moments)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setFixedHeight(_HEIGHT)
        header: Any = self.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setStretchLastSection(False)
        self.clicked.connect(self._clicked)

    @property
    def moments(self) -> list[Moment]:
        """What it shows, newest first."""
        return list(self._moments.shown)

    @property
    def position(self) -> int | None:
        """Where the chosen line leads; None if it is no step of the mask."""
        rows = [index.row() for index in self.selectedIndexes()]
        return self._moments.shown[rows[0]].position if rows else None

    def show_moments(self, moments: Sequence[Moment]) -> None:
        """Show other moments; given older ones first."""
        self._moments.show(moments)

    def _clicked(self, index: QModelIndex) -> None:
        frames = self._moments.shown[index.row()].frames
        if frames:
            self.frame_chosen.emit(frames[0])


class _Moments(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Moment] = []
        self._at: Moment | None = None

    def show(self, moments: Sequence[Moment]) -> None:
        self.beginResetModel()
        self.shown = list(reversed(moments))
        steps = (one for one in self.shown if one.position is not None and one.in_force)
        self._at = max(steps, key=lambda one: one.position or 0, default=None)
        self.endResetModel()

    def rowCount(self, parent: Any = None) -> int:  # noqa: N802 - Qt's name
        return 0 if parent is not None and parent.isValid() else len(self.shown)

    def columnCount(self, parent: Any = None) -> int:  # noqa: N802 - Qt's name
        return len(_COLUMNS)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: N802
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section]
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        moment = self.shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _cells(moment)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment.time))
            return f"{when}: {moment.text}" + ("" if moment.in_force else " (undone)")
        if role == Qt.ItemDataRole.ForegroundRole and not moment.in_force:
            return QColor(_PALE)
        if role == Qt.ItemDataRole.FontRole:
            font = QFont()
            font.setBold(moment is self._at)
            font.setStrikeOut(not moment.in_force)
            return font
        return None


def _cells(moment: Moment) -> tuple[str, str, str, str]:
    first_last = moment.frames[:1] if len(set(moment.frames)) == 1 else moment.frames
    frames = "-".join(map(str, first_last))
    clock = time.strftime("%H:%M:%S", time.localtime(moment.time))
    return clock, moment.text, frames, moment.by
