"""How a fine-tuning run goes, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from mambaseg.plugin.notices import report
from mambaseg.plugin.parts import Note, ProgressBar, button, form, row
from mambaseg.plugin.plot import Plot
from mambaseg.session import Session, Tuning, draw_run, time_left
from mambaseg.types import LabelSet

if TYPE_CHECKING:
    import napari

    from mambaseg.training import Kept

__all__ = ["TuningView"]

_PLOT_HEIGHT = 260


class TuningView(QWidget):
    """Plots a run, and has the user stop, continue, keep or discard it.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose theme.
    session : Session
        Whose models the result joins.
    guarded : callable
        As of `Panel.guarded`.
    """

    decided = Signal()
    """The run was kept or discarded."""

    def __init__(
        self,
        viewer: napari.Viewer,
        session: Session,
        guarded: Callable[..., Callable[..., None]],
    ) -> None:
        super().__init__()
        self._session, self._guarded = session, guarded
        self._tuning: Tuning | None = None
        self.about = Note()
        self.bar = ProgressBar()
        self.status = Note()
        self.plot = Plot(viewer, session.files, _PLOT_HEIGHT)
        self.plot.setToolTip("Dice on the held-out frames (dashed: the model it started from)")
        self.notes = Note()
        self.result = Note()
        self.stop = button("Stop", "Finish now with the best weights so far", self._stop)
        self.go_on = button("Go on", "Train on from where it last saved itself", self._go_on)
        self.name = QLineEdit()
        self.name.setToolTip("Under which the model is listed in the Segment panel")
        self.keep = button("Keep as a new model", "List it beside the others", self._keep)
        self.discard = button("Discard", "Delete this run and its model", self._discard)
        self._decision = form([("Name", self.name)])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for part in (self.about, self.bar, self.status, self.plot, self.result):
            layout.addWidget(part)
        layout.addLayout(row(self.stop, self.go_on))
        layout.addLayout(self._decision)
        layout.addLayout(row(self.keep, self.discard))
        layout.addWidget(self.notes)

    def follow(self, tuning: Tuning | None) -> None:
        """Show another run."""
        if self._tuning is not None:
            self._tuning.changed.disconnect(self._show)
        self._tuning = tuning
        self.name.clear()
        self.plot.hide()
        if tuning is not None:
            tuning.changed.connect(self._show)
            self._show()

    def _show(self) -> None:
        tuning = self._tuning
        if tuning is None:
            return
        state, started = tuning.state, tuning.started
        active = state in ("starting", "running")
        if started is not None:
            self.about.setText(tuning.about)
            self.notes.setText(" ".join(tuning.notes))
            if not self.name.text():
                self.name.setText(tuning.proposed_name)
                self.name.setCursorPosition(0)
        self._show_bar(active)
        self.status.setText(_status(tuning))
        self.result.setText(_result(tuning))
        self.result.setVisible(bool(self.result.text()))
        self.stop.setVisible(active)
        self.stop.setEnabled(not tuning.stopping)
        self.go_on.setVisible(state in ("failed", "cut off"))
        keepable = not active and tuning.has_model
        self._decision.setRowVisible(self.name, keepable)
        self.keep.setVisible(keepable)
        self.discard.setVisible(not active)
        self._draw()

    def _show_bar(self, active: bool) -> None:
        tuning = self._tuning
        last = tuning.last if tuning is not None else None
        if not active:
            self.bar.hide()
        elif last is None:
            self.bar.show_progress(0, 0)
        else:
            self.bar.show_progress(round(last.seconds), round(last.seconds + last.seconds_left))

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
        self.setEnabled(True)

    def _stop(self) -> None:
        if self._tuning is not None:
            self._tuning.stop(self._guarded(self._failed))
            self._show()

    def _go_on(self) -> None:
        if self._tuning is not None:
            self._tuning.go_on(self._guarded(self._failed))

    def _keep(self) -> None:
        def kept(result: Kept) -> None:
            self.setEnabled(True)
            self._session.relist_models(result.model if result.is_default else None)
            show_info(f"The Segment panel lists it: {result.why}")
            self.decided.emit()

        if self._tuning is not None:
            self.setEnabled(False)
            name = self.name.text().strip()
            self._tuning.keep(name, self._guarded(kept), self._guarded(self._failed))

    def _discard(self) -> None:
        def gone(_: None) -> None:
            self.setEnabled(True)
            self.decided.emit()

        if self._tuning is not None:
            self.setEnabled(False)
            self._tuning.discard(self._guarded(gone), self._guarded(self._failed))


def _status(tuning: Tuning) -> str:
    last = tuning.last
    if tuning.state == "finished":
        return ""
    if tuning.state == "failed":
        return tuning.message
    if tuning.state == "cut off":
        return (
            "The training was cut off: its process is gone. Its last good weights are safe. "
            "Press Go on to train on from there."
        )
    if tuning.stopping:
        return "Stopping with the best weights so far…"
    if tuning.started is None:
        return "Starting…"
    if last is None:
        return "Training…"
    return f"Step {last.step} · loss {last.loss:.3f} · {time_left(last.seconds_left)}"


def _result(tuning: Tuning) -> str:
    finished = tuning.finished
    if finished is None:
        if tuning.dices and tuning.state in ("starting", "running"):
            return f"Held-out Dice now: {_words(tuning.dices[-1][1])}"
        return ""
    ended = "Stopped" if finished.reason == "stopped" else "Finished"
    lines = [f"<b>{ended} after {finished.step} steps.</b>"]
    if finished.before:
        lines.append(f"Held-out Dice before: {_words(finished.before)}")
    if finished.after:
        lines.append(f"Held-out Dice after: <b>{_words(finished.after)}</b>")
    if finished.improved is False:
        lines.append("It did not rise, so the model holds the weights that it started from.")
    return "<br>".join(lines)


def _words(dice: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in dice.items())
