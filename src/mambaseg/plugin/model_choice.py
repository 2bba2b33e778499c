"""A choice of a model: those that fit first, the others greyed."""

from __future__ import annotations

from qtpy.QtGui import QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QSizePolicy

from mambaseg.plugin.elided_combo import ElidedCombo
from mambaseg.session import ModelChoice
from mambaseg.types.trained_model import TrainedModel

__all__ = ["ModelCombo"]

_NONE = "no model fits this layer"


class ModelCombo(ElidedCombo):
    """Lists models; one that does not fit cannot be chosen and says why."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(12)
        self._choices: list[ModelChoice] = []
        self._picked, self._listing = "", False
        self.currentIndexChanged.connect(self._pick)
        self.activated.connect(self._pick)

    @property
    def choice(self) -> ModelChoice | None:
        """The model that is chosen, or None."""
        index = self.currentIndex()
        if 0 <= index < len(self._choices) and self._choices[index].fits:
            return self._choices[index]
        return None

    @property
    def reason(self) -> str:
        """Why the first model does not fit, while none does; else ""."""
        if self._choices and not self._choices[0].fits:
            return self._choices[0].reason
        return ""

    def show_choices(self, choices: list[ModelChoice]) -> None:
        """List models; the one that somebody has picked stays if it fits, else the first is it.

        Where there are none, what was picked is forgotten.
        """
        self._picked = self._picked if choices else ""
        self.blockSignals(True)
        self._choices = choices
        items = QStandardItemModel(self)
        for choice in choices:
            item = QStandardItem(choice.model.name)
            item.setToolTip(choice.reason or choice.model.card.description)
            if not choice.fits:
                why = "not trained yet" if choice.untrained else f"takes a {_takes(choice.model)}"
                item.setText(f"{choice.model.name} ({why})")
                item.setEnabled(False)
            items.appendRow(item)
        self.setModel(items)
        names = [choice.model.sha256 for choice in choices if choice.fits]
        if self._picked in names:
            self.setCurrentIndex(names.index(self._picked))
        elif not names:
            self.setPlaceholderText(_NONE)
            self.setCurrentIndex(-1)
        self.blockSignals(False)
        self._listing = True
        self.currentIndexChanged.emit(self.currentIndex())
        self._listing = False

    def _pick(self) -> None:
        if self.choice is not None and not self._listing:
            self._picked = self.choice.model.sha256

    def choose(self, model: TrainedModel) -> bool:
        """Choose a model; whether it fits."""
        for index, choice in enumerate(self._choices):
            if choice.model.sha256 == model.sha256 and choice.fits:
                self.setCurrentIndex(index)
                self._pick()  # which it may have been before
                return True
        return False


def _takes(model: TrainedModel) -> str:
    channels = model.recipe.channels
    colour = {1: "grey", 3: "colour"}.get(len(channels), f"{len(channels)}-channel")
    return f"{colour} {model.recipe.kind}"
