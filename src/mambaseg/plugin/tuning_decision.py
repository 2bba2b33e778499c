"""What a person decides about a model that came of a training."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.notifications import show_info
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from mambaseg.plugin.notices import report
from mambaseg.plugin.parts import Note, button, form, row
from mambaseg.session import Session, Tuning
from mambaseg.training import Kept

__all__ = ["TuningDecision"]


class TuningDecision(QWidget):
    """Keep, Keep as another, Discard.

    Parameters
    ----------
    session : Session
        Whose models the result joins.
    guarded : callable
        As of `Panel.guarded`.
    """

    decided = Signal(object)
    """The model that was kept; None if the run was discarded."""

    def __init__(self, session: Session, guarded: Callable[..., Callable[..., None]]) -> None:
        super().__init__()
        self._session, self._guarded = session, guarded
        self._tuning: Tuning | None = None
        self.name = QLineEdit()
        self.name.setToolTip("Under which the model is listed in the Segment panel")
        self.keep = button(
            "Keep",
            "List it beside the others, and offer it first if its held-out score rose",
            lambda: self._keep(beside=False),
        )
        self.keep_beside = button(
            "Keep as another",
            "List it beside the others, and go on offering the same model first",
            lambda: self._keep(beside=True),
        )
        self.discard = button("Discard", "Delete this run and its model", self._discard)
        self.said = Note()
        self._form = form([("Name", self.name)])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(self._form)
        layout.addLayout(row(self.keep, self.keep_beside, self.discard))
        layout.addWidget(self.said)

    def follow(self, tuning: Tuning | None) -> None:
        """Decide about another run."""
        self._tuning = tuning
        self.name.clear()
        self.said.setText("")

    def update_choices(self) -> None:
        """Offer what can be decided now."""
        tuning = self._tuning
        if tuning is None:
            return
        if not self.name.text():
            self.name.setText(tuning.proposed_name)
            self.name.setCursorPosition(0)
        active = tuning.state in ("starting", "running")
        keepable = not active and tuning.has_model
        self._form.setRowVisible(self.name, keepable)
        self.keep.setVisible(keepable)
        self.keep_beside.setVisible(keepable)
        self.discard.setVisible(not active)

    def _failed(self, error: Exception) -> None:
        self.said.setText(report(error))
        self.setEnabled(True)

    def _keep(self, *, beside: bool) -> None:
        def kept(result: Kept) -> None:
            self.setEnabled(True)
            self._session.relist_models(result.model if result.is_default else None)
            show_info(f"The Segment panel lists it: {result.why}")
            self.decided.emit(result.model)

        if self._tuning is not None:
            self.setEnabled(False)
            name = self.name.text().strip()
            self._tuning.keep(name, self._guarded(kept), self._guarded(self._failed), beside=beside)

    def _discard(self) -> None:
        def gone(_: None) -> None:
            self.setEnabled(True)
            self.decided.emit(None)

        if self._tuning is not None:
            self.setEnabled(False)
            self._tuning.discard(self._guarded(gone), self._guarded(self._failed))
