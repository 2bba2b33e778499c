"""Which frames a person should look at first."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from mambaseg.inference import Doubt
from mambaseg.plugin.parts import ProgressBar

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

__all__ = ["DoubtList"]

_LISTED = 10
_ROWS = 5
_ROW_HEIGHT = 22
_PARTS = (
    ("entropy", "its borders are blurred"),
    ("disagreement", "passes that overlap disagree"),
    ("jump", "it jumps against its neighbours"),
)


class DoubtList(QWidget):
    """Lists the frames (or slices) in most doubt; choosing one, by click or arrow keys, shows it.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose slider moves.

    Signals
    -------
    appeared
        There is something to look at now.
    """

    appeared = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: weakref.ref[Labels] | None = None
        self._frames: list[int] = []
        title = QLabel("Look at these first:")
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName("Frames to look at first")
        self.table.setToolTip("Click, or use the arrow keys, to show a frame")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)  # Tab goes on to what follows the list
        self.table.setShowGrid(False)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        columns, rows = self.table.horizontalHeader(), self.table.verticalHeader()
        if columns is not None and rows is not None:  # Qt always has them
            columns.hide()
            rows.hide()
            columns.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
            columns.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
            columns.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
            rows.setDefaultSectionSize(_ROW_HEIGHT)
        self.table.currentCellChanged.connect(self._go_to)
        self.table.cellClicked.connect(self._go_to)  # the current one, again
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(title)
        layout.addWidget(self.table)
        self.hide()

    def show_layer(self, layer: Labels | None) -> None:
        """List what the run that made a mask was in doubt of; nothing where it has no scores."""
        doubt = layer.metadata.get("doubt") if layer is not None else None
        known = self._layer() if self._layer is not None else None
        if layer is not None and layer is known and self.isVisibleTo(self.parentWidget()):
            return  # what is chosen stays chosen
        frames = doubt.ranked(_LISTED) if isinstance(doubt, Doubt) and len(doubt.scores) > 1 else []
        self._layer = weakref.ref(layer) if layer is not None and frames else None
        self._frames = frames
        self.table.blockSignals(True)
        self.table.setRowCount(len(frames))
        for place, frame in enumerate(frames):
            self._fill(place, frame, doubt)
        self.table.setCurrentCell(-1, -1)
        self.table.blockSignals(False)
        self.table.setFixedHeight(min(len(frames), _ROWS) * _ROW_HEIGHT + 4)
        self.setVisible(bool(frames))
        if frames:
            self.appeared.emit()

    def _fill(self, place: int, frame: int, doubt: Any) -> None:
        index = frame - doubt.first
        percent = round(100 * float(doubt.scores[index]))
        item = QTableWidgetItem(f"{doubt.unit.removesuffix('s')} {frame}")
        why = _why(doubt, index)
        item.setToolTip(why)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{item.text()}, doubt {percent} %")
        self.table.setItem(place, 0, item)
        number = QTableWidgetItem(str(percent))
        number.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        number.setToolTip(why)
        self.table.setItem(place, 1, number)
        bar = ProgressBar()
        bar.setMaximumHeight(_ROW_HEIGHT)
        bar.setStyleSheet(f"{bar.styleSheet()} QProgressBar {{ margin: 6px 4px; }}")
        bar.show_progress(percent, 100)
        bar.setToolTip(why)
        bar.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)  # a click is the row's
        bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.setCellWidget(place, 2, bar)

    def _go_to(self, place: int, *_: int) -> None:
        layer = self._layer() if self._layer is not None else None
        if layer is None or not 0 <= place < len(self._frames):
            return
        corner = (self._frames[place], *(0 for _ in layer.data.shape[1:]))
        dims = self._viewer.dims
        dims.set_point(dims.ndim - layer.ndim, layer.data_to_world(corner)[0])


def _why(doubt: Doubt, index: int) -> str:
    """Say what speaks most against a frame."""
    parts = {words: getattr(doubt, name) for name, words in _PARTS}
    known = {
        words: float(np.nan_to_num(part[index]))
        for words, part in parts.items()
        if part is not None
    }
    if not known:
        return ""
    worst = max(known, key=lambda words: known[words])
    return f"Doubt from 0 to 100; most of all, {worst}."
