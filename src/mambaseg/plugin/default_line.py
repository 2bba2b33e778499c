"""Which fine-tuned model is the default, and the way back."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QVBoxLayout, QWidget

from mambaseg.plugin.notices import report
from mambaseg.plugin.parts import Note, button
from mambaseg.session import Session
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import default_models, roll_back

__all__ = ["DefaultLine"]


class DefaultLine(QWidget):
    """Names the default, with a button that makes the one before it the default; else hidden.

    Parameters
    ----------
    session : Session
        Whose worker reads and writes which it is.
    guarded : callable
        As of `Panel.guarded`.
    """

    def __init__(self, session: Session, guarded: Callable[..., Callable[..., None]]) -> None:
        super().__init__()
        self._session, self._guarded = session, guarded
        self.about = Note()
        self.back = button(
            "Go back to the one before",
            "Offer the model first that was the default before; none is removed",
            self._go_back,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.about)
        layout.addWidget(self.back)
        self.hide()
        session.models_changed.connect(self._read)
        self._read()

    def _read(self) -> None:
        self._session.files.submit(
            lambda task: default_models(), self._guarded(self._show), self._guarded(report)
        )

    def _show(self, models: list[TrainedModel]) -> None:
        self.setVisible(bool(models))
        self.back.setEnabled(True)
        if models:
            self.about.setText(f"Default model: {models[0].name}")

    def _go_back(self) -> None:
        def gone(both: tuple[TrainedModel, TrainedModel | None]) -> None:
            before, now = both
            self._session.relist_models(now)
            after = f"{now.name} is again" if now is not None else "no fine-tuned model is now"
            show_info(f"{before.name} is no longer the default, {after}; it stays listed.")

        self.back.setEnabled(False)
        self._session.files.submit(
            lambda task: roll_back(), self._guarded(gone), self._guarded(report)
        )
