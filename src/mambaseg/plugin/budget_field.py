"""A number of minutes, steps or epochs."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QWidget

from mambaseg.types.optimization import Budget

__all__ = ["BudgetField"]

_MOST = {"minutes": 7 * 24 * 60, "steps": 1e7, "epochs": 1e5}
_MEANING = {
    "minutes": "In minutes: time that the whole run may take, validation included",
    "steps": "In steps: updates of the weights",
    "epochs": "In epochs: passes through all that trains",
}


class BudgetField(QWidget):
    """Says when a training ends.

    Parameters
    ----------
    minutes : float
        Proposed.
    """

    def __init__(self, minutes: float = 4) -> None:
        super().__init__()
        self._defaults = {"minutes": minutes, "steps": 500, "epochs": 50}
        self.amount = QDoubleSpinBox()
        self.unit = QComboBox()
        self.unit.addItems(list(_MOST))
        self.unit.currentTextChanged.connect(self._unit_changed)
        self._unit_changed("minutes")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.amount, 1)
        layout.addWidget(self.unit)

    @property
    def budget(self) -> Budget:
        """What the field says."""
        return Budget.model_validate({self.unit.currentText(): self.amount.value()})

    def _unit_changed(self, unit: str) -> None:
        whole = unit == "steps"
        self.amount.setDecimals(0 if whole else 1)
        self.amount.setRange(1 if whole else 0.1, _MOST[unit])
        self.amount.setValue(self._defaults[unit])
        self.setToolTip(_MEANING[unit])
