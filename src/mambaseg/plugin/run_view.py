"""How the runs of a viewer are: buttons, progress, what gave way, what waits, what to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from mambaseg.plugin.doubt_list import DoubtList
from mambaseg.plugin.keys import key_button
from mambaseg.plugin.parts import Note, ProgressBar, row
from mambaseg.plugin.queue_rows import QueueRows
from mambaseg.plugin.run import Run
from mambaseg.plugin.runs import runs_of
from mambaseg.session import Session

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

__all__ = ["RunView"]


class RunView(QWidget):
    """Follows the run that computes, and then the next one.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose slider the list of doubt moves.
    session : Session
        Whose runs.
    start : callable
        What Run and Run next do.

    Signals
    -------
    changed
        The run that is shown has come further, or is another one.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, session: Session, start: Callable[[], None]) -> None:
        super().__init__()
        self._session = session
        self.run: Run | None = None
        self._earlier: list[str] = []
        self.run_button = key_button("Run", "segment.run", start)
        self.next_button = key_button(
            "Run next", "segment.run", start, "Segment this, too, after what runs and waits"
        )
        self.cancel_button = key_button("Cancel", "segment.stop", self.cancel)
        self.bar = ProgressBar()
        self.progress = Note()
        self.adapted = Note()
        self.queue = QueueRows(session.service)
        self.doubt = DoubtList(viewer)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        buttons = row(self.run_button, self.next_button, self.cancel_button)
        buttons.setStretch(1, 1)
        layout.addLayout(buttons)
        for part in (self.bar, self.progress, self.adapted, self.queue, self.doubt):
            layout.addWidget(part)
        session.service.queue_changed.connect(self.queue.update_rows)
        self.queue.update_rows()

    def follow(self) -> None:
        """Show the run that computes, if there is one; else the one that was shown stays."""
        active = runs_of(self._session)
        if active and active[0] is not self.run:
            self._turn_to(active[0])
        self._show()

    def turn_to_image(self, image: Image | None) -> None:
        """Say nothing more of a run on another image, unless it still goes on."""
        run = self.run
        if run is None or not (run.active or run.image is image):
            if run is not None:
                run.changed.disconnect(self.follow)
            self.run = None
            self._earlier.clear()
            self.bar.hide()
            self.progress.setText("")
            self.adapted.setText("")
        self.follow()

    def cancel(self) -> None:
        """Stop the run that computes."""
        if self.run is not None:
            self.run.cancel()

    def say(self, text: str) -> None:
        """Say something in the place of the progress."""
        self.progress.setText(text)

    def _turn_to(self, run: Run) -> None:
        before, self.run = self.run, run
        if before is not None:
            before.changed.disconnect(self.follow)
        # The end of a run is still told while those that waited for it go on.
        if before is not None and run.waited:
            self._earlier.append(f"{before.name}: {before.text}")
        else:
            self._earlier.clear()
        run.changed.connect(self.follow)

    def _show(self) -> None:
        run = self.run
        active = run is not None and run.active
        self.run_button.setEnabled(not active)
        self.run_button.setVisible(not active)
        self.next_button.setVisible(active)
        self.cancel_button.setEnabled(active)
        if run is not None:
            self.bar.show_progress(run.done, run.total if run.done or not active else 0)
            self.progress.setText(run.text)
            self.adapted.setText("\n".join([*self._earlier, *run.adapted]))
        self.changed.emit()
