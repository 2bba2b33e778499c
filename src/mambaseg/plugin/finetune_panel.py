"""The panel that fine-tunes a model on verified frames, or trains a new one on a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari.viewer
from napari.utils.notifications import show_warning
from qtpy.compat import isalive
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox

from mambaseg.plugin.default_line import DefaultLine
from mambaseg.plugin.new_model_setup import NewModelSetup
from mambaseg.plugin.notices import report
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.parts import Note, button
from mambaseg.plugin.resegment import Resegment
from mambaseg.plugin.tuning_setup import TuningSetup
from mambaseg.plugin.tuning_view import TuningView
from mambaseg.session import Task, Tuning, open_runs, start_run
from mambaseg.session.tuning_check import check_tuning
from mambaseg.training import FineTuningConfig
from mambaseg.types.trained_model import TrainedModel

__all__ = ["FineTunePanel"]

_POLL_MS, _SETTLED_MS = 500, 200


class FineTunePanel(Panel):
    """Starts a run, or finds the one that nobody has decided on, and follows it.

    The run is a process of its own: it goes on when panel and viewer are closed.

    Parameters
    ----------
    viewer : napari.Viewer
        Where it stands.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.tuning: Tuning | None = None
        self.what = QComboBox()
        self.what.addItems(["Fine-tune a model", "Train new from folder"])
        self.what.setToolTip("Go on from a model with what was verified, or train one from nothing")
        self.what.currentIndexChanged.connect(lambda _: self._show_setup())
        self.setup = TuningSetup(self.session, self.guarded)
        self._told = ""
        self.setup.changed.connect(self._forget_problem)
        self.new_setup = NewModelSetup(self.session, self.guarded)
        self.start = button("Start", "Train, in a process of its own", self._start)
        self.note = Note("Looking for a run…")
        self.view = TuningView(viewer, self.session, self.guarded)
        self.view.decided.connect(self._decided)
        self.again = Resegment(viewer, self.session)
        self.default = DefaultLine(self.session, self.guarded)
        setups = (self.what, self.setup, self.new_setup)
        for part in (self.again, *setups, self.start, self.note, self.view):
            self.body.addWidget(part)
        self.body.addWidget(self.default)
        self.view.hide()
        self.new_setup.hide()
        self.session.models_changed.connect(self.setup.models_changed)
        self.session.default_changed.connect(self.setup.model.choose)  # what was kept goes on
        self._soon = QTimer(self)  # several frames are read as one change
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLED_MS)
        self._soon.timeout.connect(self._read_again)
        self.session.verified_changed.connect(self._verified_changed)
        self.session.list_models()
        self._poll = QTimer(self)
        self._poll.setInterval(_POLL_MS)
        self._poll.timeout.connect(self._look)
        self._attach()
        self.setup.models_changed()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take note of what was verified meanwhile."""
        super().showEvent(event)
        self.setup.read()

    def _verified_changed(self) -> None:
        if isalive(self):
            self._soon.start()

    def _read_again(self) -> None:
        if self.isVisible():
            self.setup.read()

    def _look(self) -> None:
        if self.tuning is not None and self.tuning.state != "finished":
            self.tuning.poll()

    def _attach(self) -> None:
        """Follow the newest run that nobody has decided on, if there is one."""
        self.session.corrections.submit(
            lambda task: open_runs(), self.guarded(self._found), self.guarded(self._failed)
        )

    def _found(self, runs: list[Path]) -> None:
        self.note.setText("")
        if runs:
            self._follow(runs[0])
        else:
            self._follow(None)
            self.setup.read()

    def _follow(self, folder: Path | None) -> None:
        self._poll.stop()
        self.tuning = Tuning(folder, self.session.files) if folder is not None else None
        self.view.follow(self.tuning)
        self.view.setVisible(self.tuning is not None)
        self.what.setVisible(self.tuning is None)
        self._show_setup()
        self.start.setVisible(self.tuning is None)
        self.start.setEnabled(True)
        if self.tuning is not None:
            self.tuning.poll()
            self._poll.start()

    @property
    def _chosen(self) -> TuningSetup | NewModelSetup:
        return self.new_setup if self.what.currentIndex() else self.setup

    def _show_setup(self) -> None:
        self._forget_problem()
        for one in (self.setup, self.new_setup):
            one.setVisible(self.tuning is None and one is self._chosen)

    def _start(self) -> None:
        problem = self._chosen.problem
        if problem:
            show_warning(problem)
            self.note.setText(problem)
            self._told = problem
            return
        config = self._chosen.config
        self.start.setEnabled(False)
        self.note.setText("")
        self.again.offer(None)

        def work(task: Task) -> Path:
            if isinstance(config, FineTuningConfig):
                check_tuning(config)
            return start_run(config)

        self.session.files.submit(work, self.guarded(self._follow), self.guarded(self._refused))

    def _forget_problem(self) -> None:
        """Say no more what kept it from starting, once that is another thing or nothing."""
        if self._told and self._told == self.note.text() and self._told != self._chosen.problem:
            self.note.setText("")

    def _decided(self, model: TrainedModel | None) -> None:
        self._attach()
        self.again.offer(model)

    def _refused(self, error: Exception) -> None:
        self._failed(error)
        self.session.relist_models()
        self.setup.read()

    def _failed(self, error: Exception) -> None:
        self.start.setEnabled(True)
        self.note.setText(report(error))
