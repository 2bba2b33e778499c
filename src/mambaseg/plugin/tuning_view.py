"""How a fine-tuning run goes, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from mambaseg.plugin.notices import report
from mambaseg.plugin.parts import Note, ProgressBar, button, row
from mambaseg.plugin.plot import Plot
from mambaseg.plugin.thumbnails import Thumbnails
from mambaseg.plugin.tuning_decision import TuningDecision
from mambaseg.plugin.tuning_words import result_of, status_of
from mambaseg.plugin.wiper import Wiper
from mambaseg.session import Session, Tuning, draw_run
from mambaseg.types import LabelSet
from mambaseg.types.errors import TrainingError

if TYPE_CHECKING:
    import napari

__all__ = ["TuningView"]

_PLOT_HEIGHT = 240


class TuningView(QWidget):
    """Shows a run, and has the user pause, stop, continue, keep or discard it.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose theme.
    session : Session
        Whose models the result joins.
    guarded : callable
        As of `Panel.guarded`.
    """

    decided = Signal(object)
    """The model that was kept; None if the run was discarded."""

    def __init__(
        self,
        viewer: napari.Viewer,
        session: Session,
        guarded: Callable[..., Callable[..., None]],
    ) -> None:
        super().__init__()
        self._guarded = guarded
        self._tuning: Tuning | None = None
        self._state = ""
        self._column = 0
        self.about = Note()
        self.bar = ProgressBar()
        self.status = Note()
        self.pause = button("Pause", "Wait, and free the processor; the budget waits", self._pause)
        self.stop = button("Stop", "Finish now with the best weights so far", self._stop)
        self.go_on = button("Go on", "Train on from where it last saved itself", self._go_on)
        self.result = Note()
        self.thumbnails = Thumbnails(session.files, guarded)
        self.thumbnails.chosen.connect(self._choose)
        self.wiper = Wiper(session.files, guarded)
        self.decision = TuningDecision(session, guarded)
        self.decision.decided.connect(self.decided)
        self.plot = Plot(viewer, session.files, _PLOT_HEIGHT)
        self.plot.setToolTip(
            "Above: Dice on the held-out frames, from 0 to 1 (dashed: the model it started from). "
            "Below: the training loss. Both over minutes"
        )
        self.notes = Note()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        shown: list[QWidget] = [self.about, self.bar, self.status, self.result, self.thumbnails]
        shown += [self.wiper, self.decision, self.plot, self.notes]
        for part in shown:
            layout.addWidget(part)
        layout.insertLayout(3, row(self.pause, self.stop, self.go_on))

    def follow(self, tuning: Tuning | None) -> None:
        """Show another run."""
        if self._tuning is not None:
            self._tuning.changed.disconnect(self._show)
        self._tuning, self._state, self._column = tuning, "", 0
        self.decision.follow(tuning)
        self.plot.hide()
        if tuning is not None:
            tuning.changed.connect(self._show)
            self._show()

    def _show(self) -> None:
        tuning = self._tuning
        if tuning is None:
            return
        active = tuning.state in ("starting", "running")
        self.about.setText(tuning.about)
        self.notes.setText(" ".join(tuning.notes))
        self._show_bar(active)
        self.status.setText(status_of(tuning))
        self.result.setText(result_of(tuning))
        running = tuning.state == "running" and not tuning.stopping
        self.pause.setVisible(active)
        self.pause.setEnabled(running)
        self.pause.setText("Continue" if tuning.paused else "Pause")
        self.stop.setVisible(active)
        self.stop.setEnabled(not tuning.stopping)
        self.go_on.setVisible(tuning.state in ("failed", "cut off"))
        self.decision.update_choices()
        self._show_views(active)
        self._draw()
        if tuning.state == "failed" and self._state != "failed":
            report(TrainingError(tuning.message))
        self._state = tuning.state

    def _show_bar(self, active: bool) -> None:
        tuning = self._tuning
        last = tuning.last if tuning is not None else None
        if not active:
            self.bar.hide()
        elif last is None:
            self.bar.show_progress(0, 0)
        else:
            self.bar.show_progress(round(last.seconds), round(last.seconds + last.seconds_left))

    def _show_views(self, active: bool) -> None:
        views = self._tuning.views if self._tuning is not None else None
        self.thumbnails.show_views(views, "now" if active else "kept")
        shown = views.views[self._column] if views is not None and not active else None
        self.wiper.show_view(shown, views.label_set if views is not None else None)
        self.thumbnails.choose(self._column if not active else -1)

    def _choose(self, column: int) -> None:
        self._column = column
        self._show()

    def _draw(self) -> None:
        tuning = self._tuning
        if tuning is None or tuning.started is None or not tuning.losses:
            return
        before = tuning.before
        names = list(dict.fromkeys([*(before or {}), *(n for _, d in tuning.dices for n in d)]))
        classes = LabelSet.from_names(dict(enumerate(names, 1))).classes if names else ()
        self.plot.show_plot(
            partial(
                draw_run,
                losses=tuple(tuning.losses),
                dices=tuple(tuning.dices),
                before=before,
                colors={label.name: label.color for label in classes},
            )
        )

    # What the buttons do

    def _failed(self, error: Exception) -> None:
        self.status.setText(report(error))

    def _pause(self) -> None:
        if self._tuning is not None:
            self._tuning.pause(self._guarded(self._failed))
            self._show()

    def _stop(self) -> None:
        if self._tuning is not None:
            self._tuning.stop(self._guarded(self._failed))
            self._show()

    def _go_on(self) -> None:
        if self._tuning is not None:
            self._tuning.go_on(self._guarded(self._failed))
