"""Kept exports, chosen by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from mambaseg.export import ExportPreset, list_presets, read_preset, write_preset
from mambaseg.plugin.notices import report
from mambaseg.plugin.parts import button, row
from mambaseg.types.errors import MambasegError

__all__ = ["PresetRow"]


class PresetRow(QWidget):
    """Names of presets; choosing one applies it, typing a name and Save keeps what is set.

    Parameters
    ----------
    current : callable
        Gives the preset that the panel's fields say.

    Signals
    -------
    chosen : ExportPreset
        One was chosen.
    """

    chosen = Signal(object)

    def __init__(self, current: Callable[[], ExportPreset]) -> None:
        super().__init__()
        self._current = current
        self.names = QComboBox()
        self.names.setEditable(True)
        self.names.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.names.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.names.setToolTip(
            "Settings that are kept under a name; `mambaseg export --preset NAME` gives the same "
            "pixels"
        )
        line = self.names.lineEdit()
        if line is not None:
            line.setPlaceholderText("choose, or name a new one")
        self.save = button(
            "Save",
            "Keep what is set here under this name, in place of one of that name",
            self._save,
        )
        self.names.activated.connect(lambda index: self._choose(self.names.itemText(index)))
        self.names.editTextChanged.connect(lambda text: self.save.setEnabled(bool(text.strip())))
        self.setLayout(row(self.names, self.save))
        self._fill("")

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Offer what was kept in the meantime, by the shell for example."""
        super().showEvent(event)
        self._fill(self.names.currentText())

    def _fill(self, name: str) -> None:
        self.names.blockSignals(True)
        self.names.clear()
        self.names.addItems(list_presets())
        self.names.setCurrentIndex(self.names.findText(name))
        self.names.setEditText(name)
        self.names.blockSignals(False)
        self.save.setEnabled(bool(name.strip()))

    def _choose(self, name: str) -> None:
        try:
            self.chosen.emit(read_preset(name))
        except MambasegError as error:
            report(error)

    def _save(self) -> None:
        name = self.names.currentText().strip()
        try:
            write_preset(name, self._current())
        except MambasegError as error:
            report(error)
            return
        self._fill(name)
