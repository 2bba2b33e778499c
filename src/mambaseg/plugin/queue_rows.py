"""The runs that wait."""

from __future__ import annotations

from qtpy.compat import isalive
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from mambaseg.plugin.parts import row
from mambaseg.session import Job, SegmentationService

__all__ = ["QueueRows"]


class QueueRows(QWidget):
    """Names the jobs that wait, in their order, each with a button that takes it out.

    Parameters
    ----------
    service : SegmentationService
        Whose queue.
    """

    def __init__(self, service: SegmentationService) -> None:
        super().__init__()
        self._service = service
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(4)
        self.setAccessibleName("Runs that wait")
        self.hide()

    def update_rows(self) -> None:
        """Show the queue as it is."""
        if not isalive(self):
            return
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        waiting = self._service.queue[1:]
        for place, job in enumerate(waiting, start=1):
            self._rows.addWidget(_JobRow(place, job))
        self.setVisible(bool(waiting))


class _JobRow(QWidget):
    def __init__(self, place: int, job: Job) -> None:
        super().__init__()
        name = QElidingLabel(f"Next: {job.name}" if place == 1 else f"{place}. {job.name}")
        name.setToolTip(job.name)
        name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        remove = QPushButton("Remove")
        remove.setToolTip("Take it out of the queue")
        remove.setAccessibleName(f"Remove {job.name} from the queue")
        remove.clicked.connect(job.cancel)
        layout: QHBoxLayout = row(name, remove)
        self.setLayout(layout)
