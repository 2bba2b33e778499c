"""Verified frames by clip, and which of them are held out."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem
from superqt.utils import signals_blocked

from mambaseg.plugin.parts import CHECK_BOXES
from mambaseg.training import FrameSplit

__all__ = ["Frames", "HeldOutTree"]

Frames = dict[str, tuple[int, ...]]

_ROW = 20
_MOST_ROWS = 8
_HEADER = 10


class HeldOutTree(QTreeWidget):
    """Lists frames with a box each: ticked, a frame is held out and measures the result."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setColumnCount(2)
        self.setHeaderLabels(["Tick to hold out", "Use"])
        self.setRootIsDecorated(True)
        self.setUniformRowHeights(True)
        self.setStyleSheet(f"{CHECK_BOXES} QTreeView::item {{ height: {_ROW}px; }}")
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setToolTip(
            "Frames that are held out train nothing; Dice is measured on them. Neighbours of "
            "theirs are left out of both, for they are too alike."
        )
        header = self.header()
        if header is not None:
            header.setStretchLastSection(True)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.itemChanged.connect(lambda item, column: self.changed.emit())

    @property
    def held_out(self) -> Frames:
        """Ticked frames by case."""
        found: Frames = {}
        for case, frame, item in self._frames():
            if item.checkState(0) == Qt.CheckState.Checked:
                found[case] = (*found.get(case, ()), frame)
        return found

    def item(self, case: str, frame: int) -> QTreeWidgetItem:
        """Give the row of a frame."""
        return next(one for c, f, one in self._frames() if (c, f) == (case, frame))

    def show_frames(self, verified: Frames, held_out: Frames) -> None:
        """List frames by case, some of them ticked."""
        with signals_blocked(self):
            self.clear()
            for case, frames in verified.items():
                parent = QTreeWidgetItem(self, [case, ""])
                parent.setToolTip(0, case)
                for frame in frames:
                    child = QTreeWidgetItem(parent, [f"frame {frame}", ""])
                    ticked = frame in held_out.get(case, ())
                    state = Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
                    child.setCheckState(0, state)
                    child.setData(0, Qt.ItemDataRole.UserRole, (case, frame))
            self.expandAll()
        rows = sum(1 + len(frames) for frames in verified.values())
        self.setFixedHeight(_ROW * (1 + min(max(rows, 1), _MOST_ROWS)) + _HEADER)

    def show_split(self, split: FrameSplit) -> None:
        """Say of each frame what it is used for."""
        uses = ((split.training, "trains"), (split.held_out, "held out"), (split.left_out, "—"))
        words = {(c, f): word for part, word in uses for c, fs in part.items() for f in fs}
        with signals_blocked(self):
            for case, frame, item in self._frames():
                word = words.get((case, frame), "")
                item.setText(1, word)
                near = "Too near to a held-out frame to train" if word == "—" else ""
                item.setToolTip(1, near)

    def _frames(self) -> list[tuple[str, int, QTreeWidgetItem]]:
        found = []
        for index in range(self.topLevelItemCount()):
            parent = self.topLevelItem(index)
            for row in range(parent.childCount() if parent is not None else 0):
                child = parent.child(row) if parent is not None else None
                if child is not None:
                    case, frame = child.data(0, Qt.ItemDataRole.UserRole)
                    found.append((case, frame, child))
        return found
