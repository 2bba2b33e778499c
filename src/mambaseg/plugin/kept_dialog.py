"""What is kept on disk, where and for how long; and how it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from mambaseg.corrections import KeepingSettings, default_folder
from mambaseg.files import check_writable
from mambaseg.plugin.notices import report
from mambaseg.plugin.parts import Note, form
from mambaseg.plugin.path_field import PathField
from mambaseg.session import Task, Worker
from mambaseg.types.errors import MambasegError

__all__ = ["KeptDialog"]

_WHAT = (
    "<b>What is kept:</b> every change of a mask (where, when, by which user and model), and "
    "of each image that you verify frames of, its <b>whole pictures</b>, as they are: they may "
    "show patients. Nothing is encrypted, and nothing leaves this computer unless the folder does."
)


class KeptDialog(QDialog):
    """Settings of kept work.

    Parameters
    ----------
    parent : QWidget
        Over which it opens.
    image_name : str
        What the image in question is called; empty if there is none.
    purge : callable
        Removes all that is kept of that image.
    moved : callable
        Told the new folder, once another one was chosen.
    worker : Worker
        Tries the folder, whose drive may not answer; ended with the dialog.
    """

    def __init__(
        self,
        parent: QWidget,
        image_name: str,
        purge: Callable[[], None],
        moved: Callable[[Path], None],
        worker: Worker,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Kept work (mambaseg)")
        self.setMinimumWidth(520)
        self._image_name, self._purge, self._moved = image_name, purge, moved
        self._worker = worker
        for ended in (self.finished, self.destroyed):
            ended.connect(lambda _: worker.close())
        self.folder = PathField("folder", {"Choose…": ("Folder for kept work", _folder)})
        self.days = QSpinBox()
        self.days.setRange(0, 3650)
        self.days.setSuffix(" days")
        self.days.setSpecialValueText("for good")
        self.days.setToolTip("Journals that were not changed for this long are removed")
        self.purge = QPushButton(f"Remove all that is kept of {image_name}…")
        self.purge.setVisible(bool(image_name))
        self.purge.clicked.connect(self._ask_to_purge)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        save = buttons.addButton(QDialogButtonBox.StandardButton.Ok)
        assert save is not None  # noqa: S101 - Qt makes it
        self.save = save
        buttons.accepted.connect(self._save)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addWidget(Note(_WHAT))
        layout.addLayout(form([("Folder", self.folder), ("Keep journals", self.days)]))
        layout.addWidget(
            Note("What lies in the old folder stays there when you choose another one.")
        )
        layout.addStretch(1)
        layout.addWidget(self.purge)
        layout.addWidget(buttons)
        self._show()
        self.resize(520, 300)

    def _show(self) -> None:
        settings = KeepingSettings()
        try:
            settings = KeepingSettings.read()
        except MambasegError as error:
            report(error)
        self._before = settings.folder or default_folder()
        self.days.setValue(settings.keep_days)
        self.folder.set_path(self._before)

    def _save(self) -> None:
        folder = (self.folder.path or default_folder()).absolute()
        chosen = None if folder == default_folder() else folder
        settings = KeepingSettings(folder=chosen, keep_days=self.days.value())

        def write(task: Task) -> None:
            check_writable(folder)
            task.check()
            settings.write()

        def written(_: None) -> None:
            if folder != self._before:
                self._moved(folder)
            self.accept()

        def failed(error: Exception) -> None:
            self.save.setEnabled(True)
            report(error)

        self.save.setEnabled(False)
        self._worker.submit(write, written, failed)

    def _ask_to_purge(self) -> None:
        box = QMessageBox(self)
        box.setWindowTitle("Remove kept work")
        box.setText(
            f"Remove all journals of {self._image_name} and its verified masks with their "
            "pictures? This cannot be undone. Masks that are open now stay open, and their "
            "journals with them."
        )
        yes = box.addButton("Remove", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.finished.connect(lambda _: self._purge() if box.clickedButton() is yes else None)
        box.open()


def _folder(dialog: QFileDialog) -> Any:
    dialog.setFileMode(QFileDialog.FileMode.Directory)
