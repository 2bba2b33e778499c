"""The button that adds a trained model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QPushButton

from mambaseg.plugin.import_dialog import ImportDialog
from mambaseg.plugin.notices import report
from mambaseg.plugin.panel import Panel
from mambaseg.plugin.path_field import ask_for
from mambaseg.types.trained_model import TrainedModel

if TYPE_CHECKING:
    from mambaseg.zoo import ImportedCheckpoint

__all__ = ["AddModelButton"]


class AddModelButton(QPushButton):
    """Asks for a file, and adds the model in it; a foreign checkpoint is looked at first.

    Parameters
    ----------
    panel : Panel
        Where the dialogs stand.
    added : callable
        Is told the model.
    say : callable
        Shows how far it is.
    """

    def __init__(
        self, panel: Panel, added: Callable[[TrainedModel], None], say: Callable[[str], None]
    ) -> None:
        super().__init__("Add model…")
        self.setToolTip("Add a trained model of your own, or a checkpoint of the networks' authors")
        self._panel, self._added, self._say = panel, added, say
        self.clicked.connect(lambda: ask_for(panel, "Add a trained model", _ask_file, self.add))

    def add(self, path: Path) -> None:
        """Add the model in a file."""
        panel = self._panel

        def look(found: ImportedCheckpoint) -> None:
            self._say("")
            dialog = ImportDialog(panel, panel.session, path, found, panel.guarded, self._added)
            dialog.finished.connect(dialog.deleteLater)
            dialog.open()

        self._say(f"Reading {path.name}…")
        panel.session.add_file(
            path,
            panel.guarded(self._added),
            panel.guarded(look),
            panel.guarded(lambda error: self._say(report(error))),
        )


def _ask_file(dialog: QFileDialog) -> None:
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter("Models and checkpoints (*.safetensors *.pt *.pth *.ckpt *.bin)")
