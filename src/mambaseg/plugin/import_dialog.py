"""A foreign checkpoint, looked at before it becomes a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from mambaseg.plugin.parts import Note, form
from mambaseg.session import ImportChoices, Session

if TYPE_CHECKING:
    from mambaseg.types.trained_model import TrainedModel
    from mambaseg.zoo import ImportedCheckpoint

__all__ = ["ImportDialog"]


class ImportDialog(QDialog):
    """Shows what became of each weight, and asks for names before the model is added.

    Parameters
    ----------
    parent : QWidget
        The panel that it belongs to.
    session : Session
        Whose worker converts and writes.
    path : Path
        The checkpoint.
    found : ImportedCheckpoint
        As it was converted by itself.
    guarded : callable
        As of `Panel.guarded`.
    added : callable
        Told the model.
    """

    def __init__(
        self,
        parent: QWidget,
        session: Session,
        path: Path,
        found: ImportedCheckpoint,
        guarded: Callable[..., Callable[..., None]],
        added: Callable[[TrainedModel], None],
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Add {path.name}")
        self.resize(560, 420)
        self._session, self._path, self._guarded, self._added = session, path, guarded, added
        self.network = QComboBox()
        self.network.addItems(list(found.networks))
        self.name = QLineEdit(found.name)
        self.name.setToolTip("What the model is called in the list")
        self.classes = QLineEdit(", ".join(found.recipe.labels.values()))
        self.classes.setToolTip("Names of the classes, in the order of their values, with commas")
        self.new_head = QCheckBox("New head for another number of classes, to be fine-tuned")
        self.report = QPlainTextEdit(str(found))
        self.report.setReadOnly(True)
        self.note = Note()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.add = QPushButton("Add")
        self.buttons.addButton(self.add, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self._convert)
        self.buttons.rejected.connect(self.reject)
        rows = [("Name", self.name), ("Classes", self.classes), ("", self.new_head)]
        if len(found.networks) > 1:
            rows.insert(0, ("Network", self.network))
        layout = QVBoxLayout(self)
        layout.addWidget(self.report, 1)
        layout.addLayout(form(rows))
        layout.addWidget(self.note)
        layout.addWidget(self.buttons)

    @property
    def choices(self) -> ImportChoices:
        """What the fields say."""
        names = [part.strip() for part in self.classes.text().split(",")]
        return ImportChoices(
            network=self.network.currentText(),
            name=self.name.text().strip() or None,
            labels=tuple(filter(None, names)) or None,
            new_head=self.new_head.isChecked(),
        )

    def _convert(self) -> None:
        self.add.setEnabled(False)
        self.note.setText("Converting…")
        self._session.convert(
            self._path, self.choices, self._guarded(self._write), self._guarded(self._failed)
        )

    def _write(self, found: ImportedCheckpoint) -> None:
        self.report.setPlainText(str(found))
        self.note.setText("Writing…")
        self._session.add_imported(found, self._guarded(self._done), self._guarded(self._failed))

    def _done(self, model: TrainedModel) -> None:
        self.accept()
        self._added(model)

    def _failed(self, error: Exception) -> None:
        self.add.setEnabled(True)
        self.note.setText(str(error))
