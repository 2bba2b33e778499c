"""What changed in a mask, the way back, and whether it is on disk."""

from __future__ import annotations

from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from mambaseg.plugin.parts import Note, button, evenly
from mambaseg.plugin.recorder import Recorder
from mambaseg.plugin.timeline import Timeline
from mambaseg.session import Moment, moments

__all__ = ["HistoryBox"]

_LATE_S = 2.0
_LOOK_MS = 1000


class HistoryBox(QWidget):
    """The timeline of one mask, with buttons for the way back."""

    frame_chosen = Signal(int)
    settings_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._recorder: Recorder | None = None
        self.timeline = Timeline()
        self.timeline.setToolTip("Every change of this mask, in turn; click one to see its frame")
        self.timeline.frame_chosen.connect(self.frame_chosen)
        self.timeline.clicked.connect(self._show_status)
        self.undo = button(
            "↶ Undo", "Take the last step back (Ctrl+Z, on the mask)", lambda: self._do("undo")
        )
        self.redo = button(
            "↷ Redo", "Do it again (Ctrl+Shift+Z, on the mask)", lambda: self._do("redo")
        )
        self.back = button(
            "Go to this", "Show the mask as it was after the step that is chosen", self._go
        )
        self.keep = button(
            "Kept work…", "Where all this lies, for how long, and how to remove it", self._ask
        )
        self.note = Note()
        # Asked for once per while, however much was drawn, and only where it is seen.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(150)
        self._soon.timeout.connect(self._refresh)
        self._watch = QTimer(self)
        self._watch.setInterval(_LOOK_MS)
        self._watch.timeout.connect(self._show_status)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.timeline)
        layout.addLayout(evenly(self.undo, self.redo, self.back))
        layout.addWidget(self.note)
        layout.addWidget(self.keep)

    def watch(self, recorder: Recorder | None) -> None:
        """Show the history of another mask, or none."""
        if self._recorder is not None:
            self._recorder.journal.changed.disconnect(self._changed)
        self._recorder = recorder
        self.timeline.show_moments([])
        for part in (self.timeline, self.undo, self.redo, self.back):
            part.setVisible(recorder is not None)
        if recorder is not None:
            recorder.journal.changed.connect(self._changed)
            self._watch.start()
        else:
            self._watch.stop()
        self._changed()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Catch up with what happened while it was hidden."""
        super().showEvent(event)
        self._changed()

    def _changed(self) -> None:
        if isalive(self) and not self._soon.isActive():
            self._soon.start()

    def _refresh(self) -> None:
        self._show_status()
        if self._recorder is not None and self.isVisible():
            self._recorder.journal.ask(moments, self._show_moments)

    def _show_moments(self, moments: tuple[Moment, ...]) -> None:
        if isalive(self):
            self.timeline.show_moments(moments)
            self._show_status()

    def _show_status(self) -> None:
        journal = self._recorder.journal if self._recorder is not None else None
        status = journal.status if journal is not None else None
        self.undo.setEnabled(status is not None and status.can_undo)
        self.redo.setEnabled(status is not None and status.can_redo)
        self.back.setEnabled(self.timeline.position is not None)
        if journal is None or status is None:
            self.note.setText("")
        elif status.problem:
            self.note.setText(status.problem)
        elif journal.behind_s > _LATE_S:
            self.note.setText(
                f"The drive has not answered for {journal.behind_s:.0f} s: what you draw waits "
                "in memory. You can go on drawing."
            )
        elif not status.path:
            self.note.setText("Looking where the changes of this mask are kept…")
        else:
            self.note.setText("Every change is kept on disk within a second.")
            self.note.setToolTip(f"{status.path} ({status.n_bytes / 1000:.0f} kB)")

    def _do(self, name: str) -> None:
        if self._recorder is not None:
            getattr(self._recorder, name)()

    def _go(self) -> None:
        position = self.timeline.position
        if self._recorder is not None and position is not None:
            self._recorder.go_to(position)

    def _ask(self) -> None:
        self.settings_asked.emit()
